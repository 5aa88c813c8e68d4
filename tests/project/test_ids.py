"""Ids as users see them are TypeIDs, by the library's own reading."""

import uuid

import pytest
import uuid_utils
from typeid import TypeID

from switera_webhooks.ids import Prefix, from_public_id, new_id, to_public_id


@pytest.mark.parametrize("key", [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), *(new_id() for _ in range(50))])
def test_a_public_id_is_what_the_typeid_library_writes_and_leads_back(key: uuid.UUID) -> None:
    for prefix in Prefix:
        text = to_public_id(prefix, key)
        assert text == str(TypeID.from_uuid(uuid_utils.UUID(bytes=key.bytes), prefix=prefix.value))
        assert from_public_id(prefix, text) == key
