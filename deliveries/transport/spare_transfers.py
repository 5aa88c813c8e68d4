"""Handles of libcurl's that have nothing to do, found again by the URL that they are set up for."""

from deliveries.transport.curl_transfers import Transfer


class SpareTransfers:
    """One that was used for the same URL before has most of its options set."""

    def __init__(self) -> None:
        self._by_url: dict[str, list[Transfer]] = {}

    def take(self, url: str) -> Transfer | None:
        """One for that URL, else any, else None."""
        if url not in self._by_url:
            if not self._by_url:
                return None
            url = next(iter(self._by_url))
        spare = self._by_url[url]
        transfer = spare.pop()
        if not spare:
            del self._by_url[url]
        return transfer

    def give(self, transfer: Transfer) -> None:
        """It has nothing to do now."""
        self._by_url.setdefault(transfer.url, []).append(transfer)

    def take_all(self) -> list[Transfer]:
        transfers = [transfer for spare in self._by_url.values() for transfer in spare]
        self._by_url.clear()
        return transfers
