"""The admin site: the operators' home. What its lists have in common, its dashboard, and finding by id.

Each room registers its own models in its `admin`. Nothing is imported here: the site's configuration is read before
there are models.
"""
