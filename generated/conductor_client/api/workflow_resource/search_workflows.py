from ...client import Client
from ...decoding import Decoder
from ...models.search_result_workflow_summary import SearchResultWorkflowSummary

METHOD = "GET"
TEMPLATE = "/workflow/search"

_decoder = Decoder(SearchResultWorkflowSummary)


def sync(
    client: Client,
    *,
    start: int | None = None,
    size: int | None = None,
    sort: str | None = None,
    free_text: str | None = None,
    query: str | None = None,
    classifier: str | None = None,
    top_level_only: bool | None = None,
) -> SearchResultWorkflowSummary:
    """Search for workflows based on payload and other parameters"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/workflow/search",
        query={
            "start": start,
            "size": size,
            "sort": sort,
            "freeText": free_text,
            "query": query,
            "classifier": classifier,
            "topLevelOnly": top_level_only,
        },
    )
    return response.decode(_decoder)
