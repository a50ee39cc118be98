"""The error response to a refused call. Refusals name fields, but never contain their values."""

from http import HTTPStatus

ACCOUNT_ID = "123456789012"  # the one of the examples in AWS's own documentation

# The status of each code that has not 400. The modelled codes follow
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html#API_StartOutboundChatContact_Errors
# and the others https://docs.aws.amazon.com/connect/latest/APIReference/CommonErrors.html
_STATUS_OF_CODE = {
    "LimitExceededException": HTTPStatus.TOO_MANY_REQUESTS,
    "ThrottlingException": HTTPStatus.TOO_MANY_REQUESTS,
    "InvalidSignatureException": HTTPStatus.FORBIDDEN,
    "MissingAuthenticationTokenException": HTTPStatus.FORBIDDEN,
    "ResourceNotFoundException": HTTPStatus.NOT_FOUND,
    "UnrecognizedClientException": HTTPStatus.FORBIDDEN,
    "UnknownOperationException": HTTPStatus.NOT_FOUND,
    "UnsupportedMediaTypeException": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "ServiceUnavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}


class Refusal(Exception):
    """The call is refused, with an AWS error code and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = int(_STATUS_OF_CODE.get(code, HTTPStatus.BAD_REQUEST))
        self.message = message


def invalid(message: str) -> Refusal:
    """The refusal of a request body: HTTP 400, `InvalidRequestException`."""
    return Refusal("InvalidRequestException", message)
