from ...client import Client
from ...decoding import Decoder
from ...models.external_storage_location import ExternalStorageLocation

METHOD = "GET"
TEMPLATE = "/tasks/external-storage-location"

_decoder = Decoder(ExternalStorageLocation)


def sync(
    client: Client,
    *,
    path: str,
    operation: str,
    payload_type: str,
) -> ExternalStorageLocation:
    """Get the external uri where the task payload is to be stored"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/tasks/external-storage-location",
        query={
            "path": path,
            "operation": operation,
            "payloadType": payload_type,
        },
    )
    return response.decode(_decoder)
