from ...client import Client
from ...decoding import Decoder
from ...models.search_result_task import SearchResultTask

METHOD = "GET"
TEMPLATE = "/tasks/search-v2"

_decoder = Decoder(SearchResultTask)


def sync(
    client: Client,
    *,
    start: int | None = None,
    size: int | None = None,
    sort: str | None = None,
    free_text: str | None = None,
    query: str | None = None,
) -> SearchResultTask:
    """Search for tasks based in payload and other parameters"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/search-v2",
        query={
            "start": start,
            "size": size,
            "sort": sort,
            "freeText": free_text,
            "query": query,
        },
    )
    return response.decode(_decoder)
