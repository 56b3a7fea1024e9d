"""Problems as RFC 9457 has them: a status, a stable code, a sentence. Mapped here and nowhere else."""

from __future__ import annotations

import re
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from protocol.errors import HandoffError, SpecError
from runtime.limits import TooMany

log = structlog.get_logger("api")
STATUSES = {
    "BAD_TOKEN": 401,
    "SIGN_IN": 401,
    "STEP_UP": 403,
    "CSRF": 403,
    "OUT_OF_SCOPE": 403,
    "LOCKED_OUT": 429,
    "TOO_MANY": 429,
    "LINK_OVER": 410,
    "CODE_WRONG": 422,
    "ANSWER_FORM": 422,
    "REACH_LANGUAGE": 422,
    "REACH_EMAIL": 422,
    "REACH_PHONE": 422,
    "REACH_CHANNEL": 422,
    "REACH_QUIET": 422,
    "ROTA_BACKWARDS": 422,
    "ROTA_LONG": 422,
    "ROTA_WEEKS": 422,
    "ROTA_WHEN": 422,
    "ROTA_OUTSIDE": 422,
    "ROTA_NONE": 422,
    "NOT_THEIR_ROLE": 422,
    "UNKNOWN_SHIFT": 404,
    "LOGIN_FORM": 422,
    "PASSWORD_SHORT": 422,
    "PASSWORD_LONG": 422,
    "PASSWORD_COMMON": 422,
    "PASSKEY": 422,
    "NOT_A_PERSON": 422,
    "UNKNOWN_AGENCY": 422,
    "SERVICE_DOWN": 503,
    "SERVICE_TOKEN": 401,
    "SERVICE_FACTOR": 403,
    "SERVICE_STRANGER": 403,
    "CHALLENGE_OVER": 410,
    "NO_SESSION": 403,
    "PROOF_WRONG": 422,
    "GRANT_NEEDED": 403,
    "LIMIT_REACHED": 429,
    "TOO_MANY_TRIES": 429,
    "CLOCK_APART": 503,
    "NOT_YOURS": 403,
    "NOT_YOUR_EVENT": 403,
    "NOT_FOUND": 404,
    "UNKNOWN_CASE": 404,
    "UNKNOWN_TASK": 404,
    "UNKNOWN_PROTOCOL": 404,
    "UNKNOWN_RUN": 404,
    "RUN_STAGE": 409,
    "RUN_UNDER_WAY": 409,
    "NOT_RETOLD": 422,
    "NOTHING_BEFORE": 409,
    "RARE_PATH": 422,
    "CASE_ERASED": 410,
    "NO_COUNCIL": 404,
    "NOT_REHEARSED": 404,
    "REHEARSAL_TOO_LONG": 422,
    "REHEARSAL_BROKE": 500,
    "REHEARSAL_BUSY": 409,
    "REHEARSAL_NO_BASE": 422,
    "REHEARSAL_NO_START": 422,
    "REHEARSAL_TOO_FEW": 422,
    "REHEARSAL_TOO_MANY": 422,
    "COUNCIL_DECIDES": 403,
    "NO_ELECTOR": 403,
    "NOT_OBLIGED": 403,
    "NOT_A_SIGNER": 403,
    "RECUSED": 403,
    "NO_EMERGENCY": 422,
    "VETO_UNITS": 422,
    "REASON_NEEDED": 422,
    "NO_COMMENT": 422,
    "ACT_INCOMPLETE": 422,
    "CASE_NAMED": 422,
    "NUDGE_DONE": 409,
    "NOT_STUCK": 409,
    "NO_PERIOD": 404,
    "NUDGED": 409,
    "BAD_CURSOR": 400,
    "KEY_REUSED": 422,
    "KEY_TOO_LONG": 422,
    "UNKNOWN_EVENT": 422,
    "UNKNOWN_FIELD": 422,
    "UNKNOWN_OUTCOME": 422,
    "UNKNOWN_ROLE": 422,
    "GROUND": 422,
    "HOLD_REVIEW": 422,
    "FIELD_REQUIRED": 422,
    "FIELD_TYPE": 422,
    "FIELD_RANGE": 422,
    "VALUE_TOO_LONG": 422,
    "NO_FIELDS": 422,
    "PRACTICE_BEGAN": 422,
    "STREAMS_FULL": 503,
    "CLOCK_ONLY_FORWARD": 422,
    "UNTIL_PASSED": 422,
    "UNTIL_TOO_FAR": 422,
    "TO_ITSELF": 422,
    "PURPOSE_WRONG": 422,
    "SIGNATURE_MISSING": 422,
    "GUARDIAN_MISSING": 422,
    "GUARDIAN_SUSPECT": 422,
    "GUARDIAN_ORDER": 422,
    "REASON_MISSING": 422,
    "GROUND_WRONG": 422,
    "GLASS_TOO_LONG": 422,
    "PERSON_MISSING": 422,
    "APPROVER_MISSING": 403,
    "GROUND_NOT_ALLOWED": 403,
    "FACES_SUSPECT": 403,
    "FIELD_NOT_OWNED": 403,
    "NO_AGREEMENT": 403,
    "AGREEMENT_ENDED": 403,
    "NOT_RECIPIENT": 403,
    "FIELD_NOT_RELEASED": 403,
    "RELEASE_FORGED": 403,
    "SELF_APPROVAL": 403,
    "NO_HAT": 422,
    "GRANT_STALE": 403,
    "UNKNOWN_PERSON": 404,
    "NOBODY_NEXT": 409,
    "FILE": 422,
    "FILE_LARGE": 413,
    "HEADER": 422,
    "RELEASE_REVOKED": 410,
    "RELEASE_EXPIRED": 410,
    "RELEASE_USED": 410,
    "DATABASE_BUSY": 503,
    "DATABASE_DOWN": 503,
    "CUSTODIAN_DOWN": 503,
    "TEMPORAL_SILENT": 503,
    "RUNS_LEFT": 503,
    "UNANSWERED": 503,
    "NO_CARD": 503,
    "ENGINE_LOCKED": 503,
    "KEY_DESTROYED": 410,
}
AFTER = {"TOO_MANY_TRIES": 600, "LIMIT_REACHED": 60}
"""Seconds until what a keyholder turned down may be asked again at the soonest; other limits say it themselves."""

TYPE = "application/problem+json"
NAME = re.compile(r"[a-z0-9_-]{1,64}|\[key\]")


def problem(status: int, code: str, title: str, *, after: int | None = None, **more: object) -> JSONResponse:
    """A problem as a response; ``after``: seconds until the same may be asked again."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if after is not None:
        headers["Retry-After"] = str(after)
    body = {"type": f"urn:handoff:{code.lower()}", "title": title, "status": status, "code": code, **more}
    return JSONResponse(body, status_code=status, headers=headers, media_type=TYPE)


def _part(part: str | int) -> str:
    """A part of the place of what is wrong; a name that is none of ours may be what somebody meant as a value."""
    return str(part) if NAME.fullmatch(str(part)) else "?"


def install(app: FastAPI) -> None:
    """Answer every failure with a problem, and never with what a request contained."""

    @app.exception_handler(SpecError)
    async def text_refused(_: Request, error: SpecError) -> JSONResponse:
        found = [
            {
                "code": each.code,
                "line": each.place.line,
                "column": each.place.column,
                "says": each.says,
                "write": each.write,
            }
            for each in error.findings
        ]
        many = "1 finding" if len(found) == 1 else f"{len(found)} findings"
        return problem(422, "PROTOCOL_REFUSED", f"The text has {many}.", findings=found)

    @app.exception_handler(TooMany)
    async def too_many(_: Request, error: TooMany) -> JSONResponse:
        return problem(429, error.code, error.message, after=error.after)

    @app.exception_handler(HandoffError)
    async def refused(_: Request, error: HandoffError) -> Response:
        if error.code == "AUDIT_DOWN":
            # What was not written down is not shown, and neither is anything about it.
            log.error("not written into the audit, so not shown", exc_info=error)
            return Response(status_code=503)
        return problem(STATUSES.get(error.code, 409), error.code, error.message, after=AFTER.get(error.code))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        places = [".".join(_part(part) for part in each["loc"]) for each in error.errors()]
        return problem(422, "MALFORMED", "The request is not written as it should be.", places=places)

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, "HTTP", HTTPStatus(error.status_code).phrase)
