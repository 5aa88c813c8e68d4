"""The built-in event types: exactly the contract's, each with a schema that says what it holds."""

import re
from typing import Any, cast

import jsonschema_rs
import pytest

from events.catalog.built_in import BUILT_IN_FAMILIES, BUILT_IN_TYPES, is_built_in_family
from events.catalog.patterns import check_event_type_name
from events.catalog.schemas import DataRefused, check_data, check_example, check_schema

# Name, then the fields of its data: `name[]` is a list, `name?` may be null.
CATALOG = """
app.updated: id, name, slug, changed_fields[], updated_at
app.deleted: id, name, slug, deleted_at
app.api_key.created: key_id, kind, environment, prefix, last4, created_by?
app.api_key.rotated: key_id, previous_key_id, kind, environment, prefix, last4, old_key_expires_at?
app.api_key.revoked: key_id, kind, environment, last4, revoked_by?
organization.created: id, name, slug, state, created_at
organization.updated: id, name, slug, state, changed_fields[]
organization.deleted: id, slug, deleted_at
organization.member.added: organization_id, member_id, user_id, email, role, source
organization.member.updated: organization_id, member_id, user_id, role, previous_role
organization.member.removed: organization_id, member_id, user_id, role, reason?
organization.invitation.created: invitation_id, organization_id, email, role, locale?, expires_at?, invited_by?
organization.invitation.accepted: invitation_id, organization_id, email, user_id, role, accepted_at
organization.invitation.revoked: invitation_id, organization_id, email, revoked_by?
organization.invitation.expired: invitation_id, organization_id, email, expired_at
organization.domain.verified: organization_id, domain, method, auto_join, verified_at
organization.domain.removed: organization_id, domain, removed_by?
auth.user.created: user_id, email?, email_verified, name?, status, source
auth.user.updated: user_id, email?, name?, status, changed_fields[]
auth.user.deleted: user_id, deleted_at
auth.user.suspended: user_id, reason?, suspended_by?, until?
auth.user.restored: user_id, restored_by?
auth.user.email_verified: user_id, email, method, verified_at
auth.session.created: session_id, user_id, method, provider?, mfa, ip?, user_agent?, expires_at?
auth.session.revoked: session_id, user_id, reason?, revoked_by?
auth.sign_in.failed: user_id?, method, provider?, reason, ip?, attempt_count
auth.password.changed: user_id, via, sessions_revoked
auth.mfa.enabled: user_id, factor_id, factor_type
auth.mfa.disabled: user_id, factor_id, factor_type, disabled_by?
auth.directory_sync.completed: connection_id, organization_id, status, created, updated, deprovisioned, errors, \
finished_at
email.sent: email_id, message_id?, template?, workflow?, route?, from, to, subject, user_id?, queued_at?
email.delivered: email_id, to, delivered_at, smtp_code?
email.delayed: email_id, to, reason?, attempt?, next_attempt_at?
email.bounced: email_id, to, bounce_type, bounce_subtype?, reason?, suppressed
email.complained: email_id, to, feedback_type?, suppressed
email.failed: email_id, to, stage, reason?
email.suppressed: email_id?, to, origin, suppression_id?
email.domain.verified: domain_id, domain, records_checked, verified_at
webhook.endpoint.created: endpoint_id, name, url_host, event_types[], environment
webhook.endpoint.updated: endpoint_id, changed_fields[], url_host
webhook.endpoint.deleted: endpoint_id, name, url_host
webhook.endpoint.disabled: endpoint_id, name, url_host, reason, failing_since?, failed_deliveries
webhook.delivery.failed: delivery_id, event_id, event_type, endpoint_id, attempts, last_status_code?, last_error?, \
first_attempt_at, last_attempt_at
webhook.delivery.recovered: delivery_id, event_id, event_type, endpoint_id, attempts, failing_since
webhook.test: message, sent_by, endpoint_id
"""
EXPECTED = {name: fields.split(", ") for name, fields in (line.split(": ") for line in CATALOG.strip().splitlines())}
NAMES = sorted(EXPECTED)


def properties(name: str) -> dict[str, dict[str, Any]]:
    return cast(dict[str, dict[str, Any]], BUILT_IN_TYPES[name].schema["properties"])


def test_there_are_the_44_types_and_the_test_type_and_no_others() -> None:
    assert sorted(BUILT_IN_TYPES) == NAMES
    assert len(BUILT_IN_TYPES.keys() - {"webhook.test"}) == 44


def test_families_are_the_five_in_the_contracts_order() -> None:
    assert BUILT_IN_FAMILIES == ("app", "organization", "auth", "email", "webhook")
    assert list(dict.fromkeys(built_in.family for built_in in BUILT_IN_TYPES.values())) == list(BUILT_IN_FAMILIES)


@pytest.mark.parametrize("name", NAMES)
def test_a_type_has_exactly_the_contracts_fields_all_required(name: str) -> None:
    expected = [field.rstrip("?[]") for field in EXPECTED[name]]

    schema = BUILT_IN_TYPES[name].schema

    assert schema["type"] == "object"
    assert list(properties(name)) == expected
    assert schema["required"] == expected
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", NAMES)
def test_a_types_lists_are_lists_and_its_other_fields_are_not(name: str) -> None:
    lists = {field.removesuffix("[]") for field in EXPECTED[name] if field.endswith("[]")}

    assert {field for field, schema in properties(name).items() if schema["type"] == "array"} == lists


@pytest.mark.parametrize("name", NAMES)
def test_a_type_names_itself_describes_every_field_and_belongs_to_its_family(name: str) -> None:
    built_in = BUILT_IN_TYPES[name]

    check_event_type_name(built_in.name)
    assert built_in.name == name
    assert built_in.family == name.split(".")[0]
    assert built_in.description.endswith(".")
    assert len(built_in.description) > 30
    assert all(schema["description"].endswith(".") for schema in properties(name).values())


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_2020_12_and_accepts_its_example(name: str) -> None:
    built_in = BUILT_IN_TYPES[name]
    assert built_in.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"

    jsonschema_rs.meta.validate(dict(built_in.schema))
    check_schema(built_in.schema)
    check_example(built_in.schema, built_in.example)


@pytest.mark.parametrize("name", NAMES)
def test_data_without_one_of_its_fields_or_with_another_is_refused(name: str) -> None:
    built_in = BUILT_IN_TYPES[name]
    for field in built_in.example:
        with pytest.raises(DataRefused, match=rf"^data\.{field} is required\.$"):
            check_data(built_in.schema, {k: v for k, v in built_in.example.items() if k != field})
    with pytest.raises(DataRefused, match=r'^data may not have a field "extra"\.$'):
        check_data(built_in.schema, {**built_in.example, "extra": 1})


@pytest.mark.parametrize("name", NAMES)
def test_a_field_may_be_null_exactly_where_it_may_be_unknown(name: str) -> None:
    built_in = BUILT_IN_TYPES[name]
    for field in EXPECTED[name]:
        data = {**built_in.example, field.rstrip("?[]"): None}
        if field.endswith("?"):
            check_data(built_in.schema, data)
            continue
        with pytest.raises(DataRefused):
            check_data(built_in.schema, data)


@pytest.mark.parametrize("name", NAMES)
def test_times_are_date_times_and_their_examples_utc(name: str) -> None:
    for field, schema in properties(name).items():
        is_time = field.endswith("_at") or field in ("until", "failing_since")
        assert (schema.get("format") == "date-time") == is_time, field
        if is_time:
            assert re.fullmatch(r"2026-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(BUILT_IN_TYPES[name].example[field])), field


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_opaque_text_that_is_never_empty(name: str) -> None:
    for field, schema in properties(name).items():
        if (field == "id" or field.endswith("_id")) and field != "message_id":
            assert "string" in schema["type"], field
            assert schema["minLength"] == 1, field


def test_no_type_has_a_field_for_what_must_never_be_sent() -> None:
    never = re.compile(r"password|hash|token|secret|link|otp|body|html|magic")

    assert [field for name in NAMES for field in properties(name) if never.search(field)] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app.updated", True),
        ("organization.made_up", True),
        ("auth.user.created", True),
        ("email.sent", True),
        ("webhook.test", True),
        ("app", True),
        ("apps.updated", False),
        ("application.app.updated", False),
        ("order.paid", False),
        ("", False),
    ],
)
def test_the_product_owns_whole_families(name: str, expected: bool) -> None:
    assert is_built_in_family(name) is expected
