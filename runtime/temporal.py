"""A client to the Temporal server with the project's data converter: typed, encrypted, failures included."""

from __future__ import annotations

import asyncio
import dataclasses
import time

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.service import GrpcCompression, RPCError

from protocol.errors import HandoffError
from runtime.codec import CaseCodec, CaseKeys
from runtime.temporal_tls import Tls


def data_converter(keys: CaseKeys) -> DataConverter:
    """Pydantic in, JSON through, sealed out; failure messages and stack traces are sealed as well."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=CaseCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


async def connect(
    address: str, namespace: str, keys: CaseKeys, *, tls: Tls | None = None, within: float = 60.0
) -> Client:
    """Connect, trying again until the server answers.

    Args:
        address: host:port of the frontend.
        namespace: the installation's namespace.
        keys: where case keys come from.
        tls: the files of an encrypted connection; None for a server of this machine.
        within: seconds to keep trying.

    Raises:
        HandoffError: TEMPORAL_SILENT when the server does not answer in time; as ``Tls.config``.
    """
    secured = False if tls is None else tls.config()
    until = time.monotonic() + within
    while True:
        try:
            return await Client.connect(
                address,
                namespace=namespace,
                data_converter=data_converter(keys),
                grpc_compression=GrpcCompression.NONE,
                tls=secured,
            )
        except (RPCError, RuntimeError) as error:
            if time.monotonic() > until:
                raise HandoffError("TEMPORAL_SILENT", f"The Temporal server at {address} does not answer.") from error
        await asyncio.sleep(0.2)
