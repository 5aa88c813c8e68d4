"""The pages of this room below `/apps/{slug}/webhooks/`."""

from django.urls import path

from events.views import catalog, catalog_documents, event_type_changes

urlpatterns = [
    path("event-catalog/", catalog.event_catalog, name="event_catalog"),
    # No event type has these names: one has a dot in it.
    path("event-catalog/export/", catalog_documents.event_catalog_export, name="event_catalog_export"),
    path("event-catalog/import/", catalog_documents.event_catalog_import, name="event_catalog_import"),
    path("event-catalog/add/", event_type_changes.event_type_add, name="event_type_add"),
    path("event-catalog/<str:name>/", catalog.event_type, name="event_type"),
    path("event-catalog/<str:name>/edit/", event_type_changes.event_type_edit, name="event_type_edit"),
    path("event-catalog/<str:name>/deprecate/", event_type_changes.event_type_deprecate, name="event_type_deprecate"),
    path("event-catalog/<str:name>/delete/", event_type_changes.event_type_delete, name="event_type_delete"),
]
