"""An app's customer accounts: organizations, their members, invitations and domains.

Each change is one function: it locks the organization, checks, writes, audits, and tells what happened.
"""
