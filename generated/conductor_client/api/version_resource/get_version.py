from ...client import Client

METHOD = "GET"
TEMPLATE = "/version"


def sync(
    client: Client,
) -> str:
    """Get the version of the server"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/version",
    )
    return response.text()
