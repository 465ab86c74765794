from ...client import Client
from ...decoding import Decoder
from ...models.generate_token_request import GenerateTokenRequest
from ...models.generate_token_response import GenerateTokenResponse
from ...writing import encode

METHOD = "POST"
TEMPLATE = "/token"

_decoder = Decoder(GenerateTokenResponse)


def sync(
    client: Client,
    body: GenerateTokenRequest,
) -> GenerateTokenResponse:
    """Exchange an access key for a token"""
    response = client.request(
        METHOD,
        TEMPLATE,
        "/token",
        body=encode(body),
    )
    return response.decode(_decoder)
