from ...client import Client, segment

METHOD = "DELETE"
TEMPLATE = "/metadata/workflow/{name}/{version}"


def sync(
    client: Client,
    name: str,
    version: int,
) -> None:
    """Removes workflow definition. It does not remove workflows associated with the definition."""
    client.request(
        METHOD,
        TEMPLATE,
        f"/metadata/workflow/{segment(name)}/{segment(version)}",
    )
