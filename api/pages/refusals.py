"""Why something was not done, in the reader's language, by the stable code of what turned it down.

In English the sentence is the core's own, which may name the place. Everywhere else it is the one written here for its
code; a code that has none is said as a code, never in a language that the reader did not choose.
"""

from __future__ import annotations

from functools import cache

from api.pages.rendering import say

OWN = "en"
"""The language of the core's own sentences."""


def refusal(tongue: str, code: str, title: str) -> str:
    """What a page says of something that was turned down: ``title`` in English, elsewhere the sentence of its code."""
    if tongue == OWN or not title:
        return title
    return sentences(tongue).get(code) or say(tongue)("This was not done. Code:") + f" {code}"


@cache
def sentences(tongue: str) -> dict[str, str]:
    """Every code that has a sentence, with it."""
    groups = (of_cases, of_answers, of_signing_in, of_rotas, of_councils, of_sharing)
    return {code: said for group in groups for code, said in group(tongue).items()}


def of_cases(tongue: str) -> dict[str, str]:
    """What the rules of a case turn down, or what is not there."""
    _ = say(tongue)
    return {
        "NOT_STARTED": _("This case has not begun: an event that starts a case comes first."),
        "CASE_ENDED": _("This case has ended; nothing in it can change."),
        "UNKNOWN_EVENT": _("This text knows no such event."),
        "UNKNOWN_TASK": _("There is no such task."),
        "UNKNOWN_CASE": _("There is no such case."),
        "UNKNOWN_PROTOCOL": _("There is no such text."),
        "UNKNOWN_OUTCOME": _("It does not end in that way."),
        "UNKNOWN_FIELD": _("That is not asked here."),
        "UNKNOWN_ROLE": _("Your agency has no such role here."),
        "UNKNOWN_AGENCY": _("There is no such agency."),
        "UNKNOWN_PERSON": _("There is no such person in your agency."),
        "NOT_FOUND": _("There is nothing here for you."),
        "TASK_ENDED": _("This item ended; nothing was changed."),
        "TASK_WAITING": _("It is not open yet."),
        "NOT_YOURS": _("This is another role's or agency's to do."),
        "NOT_YOUR_EVENT": _("Your agency does not report this."),
        "TAKEN": _("A colleague already has this. Ask a lead to hand it to you."),
        "FIELD_REQUIRED": _("Something that is needed is missing."),
        "FIELD_TYPE": _("A value is not of its kind."),
        "FIELD_CHOICE": _("A value is not one of those to choose from."),
        "FIELD_RANGE": _("A value is too small, too large or too long."),
        "VALUE_TOO_LONG": _("That is longer than can be kept protected."),
        "OUTCOME_CLOSED": _("That cannot be chosen now."),
        "TRIES_FIRST": _("It needs more tries first."),
        "NO_TRIES": _("No tries are counted here."),
        "RECEIPT_ONLY": _("Only say that you have it; nothing more is needed here."),
        "LEAD_MUST_AGREE": _("An earlier time needs a lead: ask one to record it."),
        "IN_FUTURE": _("That time has not come yet."),
        "TOO_EARLY": _("That is before it was handed over."),
        "TOO_RECENT_TO_HOLD": _("Only a record older than a day may be held back."),
        "HOLD_TOO_LONG": _("A record may be held back for a year at most."),
        "NO_PAUSE": _("This clock cannot be stopped."),
        "PAUSE_TOO_LONG": _("A pause may not be that long, and ends in the future."),
        "NOT_PAUSED": _("This clock is running."),
        "PAUSED": _("This clock is stopped already."),
        "NO_VOTES": _("This is not decided by votes."),
        "VOTES_DECIDE": _("This is decided by votes: cast yours."),
        "QUORUM": _("This needs the votes of others first."),
        "NOT_LINKED": _("There is no such linked case."),
        "NOT_PRACTICE": _("Only the clock of a practice case can be moved. This case is real."),
        "CLOCK_ONLY_FORWARD": _("The clock of a practice case moves forward only, by 31 days at most at once."),
        "NOTHING_DUE": _("Nothing is due in this practice case. Say by how much its clock is to move."),
        "PRACTICE_BEGAN": _("A practice case begins now, or within the last days."),
        "NUDGE_DONE": _("Done a moment ago."),
        "NOT_STUCK": _("It is not stuck now."),
        "NUDGED": _("This was asked within the last 4 hours."),
        "NOBODY_NEXT": _("Nobody else is on duty who could have this; call your lead."),
        "NO_PERIOD": _("That period is not there: a month's figures come ten days after its end."),
        "CASE_ERASED": _("A part of this case was erased."),
        "KEY_DESTROYED": _("This part of the case was erased: its key was destroyed."),
        "GROUND": _("Say why this is to be erased now."),
        "HOLD_REVIEW": _("A hold is reviewed within a year: give a day that is to come."),
    }


def of_answers(tongue: str) -> dict[str, str]:
    """What is wrong with a request as such, or with this installation now."""
    _ = say(tongue)
    return {
        "MALFORMED": _("Something was not filled in as it should be."),
        "HTTP": _("This cannot be asked for in this way."),
        "UNEXPECTED": _("Something went wrong here. Nothing more is known to have changed."),
        "TOO_LARGE": _("This is too large."),
        "CSRF": _("This request comes from another site; nothing was done."),
        "OUT_OF_SCOPE": _("This key is not for that."),
        "TOO_MANY": _("This was asked too often; wait a moment and try again."),
        "BAD_CURSOR": _("This page marker is not one of yours; begin again."),
        "KEY_REUSED": _("This form was sent before with something else in it; open it again."),
        "KEY_TOO_LONG": _("This form is not as it was made; open it again."),
        "ANSWER_FORM": _("That is not the form an answer has."),
        "STREAMS_FULL": _("Too many pages look for news now; press Refresh instead."),
        "DATABASE_BUSY": _("Something else is being written; try again."),
        "DATABASE_DOWN": _("What is kept cannot be reached now; try again."),
        "CUSTODIAN_DOWN": _("Protected values cannot be opened now; try again."),
        "TEMPORAL_SILENT": _("Cases do not answer now; try again."),
        "UNANSWERED": _("The case does not answer now; try again."),
        "RUNS_LEFT": _("Something of this case is still to be deleted; try again."),
        "NO_CARD": _("No key is known here that the audit could be sealed to."),
        "ENGINE_LOCKED": _("The keys of these cases are locked: their keyholder does not answer."),
        "CLOCK_APART": _("The clocks of two machines are apart; tell whoever runs them."),
        "NO_KEYHOLDER": _("The keys of your agency are on another machine: act there."),
    }


def of_signing_in(tongue: str) -> dict[str, str]:
    """What the door and a way to sign in turn down."""
    _ = say(tongue)
    return {
        "BAD_TOKEN": _("This session is over; sign in again."),
        "SIGN_IN": _("The name, the password or the code is wrong."),
        "STEP_UP": _("Show your password and code once more: this act needs it."),
        "LOCKED_OUT": _("Too many tries. Wait, or call your lead."),
        "LINK_OVER": _("This link is over or was used; ask your agency's steward for a new one."),
        "CODE_WRONG": _("That is not the number the authenticator shows now; look at its clock."),
        "LOGIN_FORM": _("A name to sign in with has 3 to 254 characters and no spaces."),
        "LOGIN_TAKEN": _("Choose another name to sign in with."),
        "PASSWORD_SHORT": _("A password has 12 characters at least; four words are a good one."),
        "PASSWORD_LONG": _("This password is too long."),
        "PASSWORD_COMMON": _("This password is among the first to be tried; four words are a good one."),
        "PASSKEY": _("This passkey does not open anything here."),
        "PASSKEYS_FULL": _("You have as many passkeys as there may be; remove one first."),
        "NOT_A_PERSON": _("A records system does not sign in."),
        "SERVICE_DOWN": _("The sign-in service does not answer."),
        "SERVICE_TOKEN": _("What the sign-in service says does not hold; nobody is signed in."),
        "SERVICE_FACTOR": _("The sign-in service does not say that a second factor was shown."),
        "SERVICE_STRANGER": _("Nobody here is linked to this sign-in; your steward has a link for you."),
        "CHALLENGE_OVER": _("This did not begin in this browser; begin again."),
        "NO_SESSION": _("This needs a session: sign in."),
        "PROOF_WRONG": _("The name, the password or the code is not right; use a fresh code."),
        "GRANT_NEEDED": _("Sign in at your agency's keyholder to see protected values."),
        "GRANT_STALE": _("Sign in at your agency's keyholder once more: this act needs it."),
        "LIMIT_REACHED": _("As many values were opened as may be in this time; wait."),
        "TOO_MANY_TRIES": _("Too many tries; wait ten minutes."),
        "NO_HAT": _("You have no such hat: sign in again, or ask whoever gives out roles."),
        "SELF_APPROVAL": _("The yes has to be another person's."),
        "NAME_TAKEN": _("There is somebody of that name already."),
    }


def of_rotas(tongue: str) -> dict[str, str]:
    """What a rota, and how somebody is reached, turn down."""
    _ = say(tongue)
    return {
        "REACH_LANGUAGE": _("Choose one of the languages there are."),
        "REACH_EMAIL": _("Write the address as name@example.org."),
        "REACH_PHONE": _("Write the number with its country, digits only: +15550100123."),
        "REACH_CHANNEL": _("Choose each way once, and at least one."),
        "REACH_QUIET": _("Quiet hours begin and end at different minutes of a day."),
        "ROTA_BACKWARDS": _("A duty must end after it starts."),
        "ROTA_LONG": _("A duty is seven days at most: enter it week by week."),
        "ROTA_WEEKS": _("A shift is entered for 1 to 26 weeks."),
        "ROTA_WHEN": _("A shift ends in the future, within 400 days."),
        "ROTA_OUTSIDE": _("Ask for cover of a part of this shift that is not over."),
        "ROTA_NONE": _("This role has no rota: everybody who has it is on duty."),
        "ROTA_COVERED": _("Somebody already covers this."),
        "ROTA_NOT_ASKED": _("Nobody asks for cover of this any more."),
        "ROTA_OVER": _("This shift is over."),
        "NOT_THEIR_ROLE": _("This person does not have that role."),
        "UNKNOWN_SHIFT": _("There is no such shift any more: look at the rota again."),
    }


def of_councils(tongue: str) -> dict[str, str]:
    """What a council's rules, a plan or a run turn down."""
    _ = say(tongue)
    return {
        "PROTOCOL_REFUSED": _("The text has findings."),
        "UNKNOWN_RUN": _("There is no such run."),
        "RUN_STAGE": _("That cannot be done with this run now."),
        "RUN_UNDER_WAY": _("Cases are being moved by another run; stop it first."),
        "NOT_RETOLD": _("This case cannot be told again."),
        "NOTHING_BEFORE": _("No text that follows another came of this change."),
        "RARE_PATH": _("Too few cases went this way: its story could be known again."),
        "NO_COUNCIL": _("No council was founded here."),
        "NOT_REHEARSED": _("This change was not rehearsed yet."),
        "REHEARSAL_TOO_LONG": _("The rehearsal would take too long."),
        "REHEARSAL_BROKE": _("The rehearsal broke off; nothing was kept."),
        "REHEARSAL_BUSY": _("Another rehearsal is under way; try again in a minute."),
        "REHEARSAL_NO_BASE": _("A text that is new has none in force to be compared with."),
        "REHEARSAL_NO_START": _("Cases of this text begin in other cases only: rehearse those."),
        "REHEARSAL_TOO_FEW": _("There are too few times for a rehearsal."),
        "REHEARSAL_TOO_MANY": _("There are too many times for a rehearsal."),
        "COUNCIL_DECIDES": _("Here a council decides what comes into force: propose it."),
        "COUNCIL_FOUNDED": _("There is a council already."),
        "NO_ELECTOR": _("The council's rules give you no vote."),
        "NOT_OBLIGED": _("Nothing here obliges your agency, so there is nothing to agree to; vote."),
        "NOT_A_SIGNER": _("You sign for your own seat only."),
        "RECUSED": _("Your agency is recused: nobody votes itself more time."),
        "NO_EMERGENCY": _("This is not what an emergency may change."),
        "VETO_UNITS": _("Say which parts your agency cannot do."),
        "REASON_NEEDED": _("Say why, in a few words."),
        "NO_COMMENT": _("An answer names the comment that it answers."),
        "ACT_INCOMPLETE": _("Something is missing: choose what you mean."),
        "CASE_NAMED": _("Leave out the code of the case: a council speaks of texts."),
        "NOT_NOW": _("This change is not where that can be done."),
        "NOTHING_CHANGES": _("This text says the same as the one in force; there is nothing to decide."),
        "PLAN_UNDECIDED": _("Open cases have come that the plan does not cover."),
        "DRAFT_TEXT": _("Cases follow a published version: publish the text first."),
        "OTHER_PROTOCOL": _("This is the text of another procedure."),
        "VERSION_TAKEN": _("This version is published already; a changed text needs a new one."),
        "VERSION_SKIPPED": _("A version was left out: take the next one."),
    }


def of_sharing(tongue: str) -> dict[str, str]:
    """What a permission, and a file, turn down."""
    _ = say(tongue)
    return {
        "UNTIL_PASSED": _("A permission ends after it begins; give a later day."),
        "UNTIL_TOO_FAR": _("A permission may not last that long."),
        "TO_ITSELF": _("Your agency's own people need no permission."),
        "PURPOSE_WRONG": _("That is no purpose of a permission."),
        "SIGNATURE_MISSING": _("Say who explained it to her, and how she signed."),
        "GUARDIAN_MISSING": _("A parent or guardian has to sign as well."),
        "GUARDIAN_SUSPECT": _("Say that the guardian who signs is not the suspect, or find another."),
        "GUARDIAN_ORDER": _("Attach the court's order that appoints the guardian."),
        "REASON_MISSING": _("Say in words why; only your agency can read it."),
        "GROUND_WRONG": _("Name the danger, to her life, a child or others, or the law's ground."),
        "GLASS_TOO_LONG": _("A case is opened so for 4 hours at most."),
        "PERSON_MISSING": _("Name the one person who is to see it."),
        "APPROVER_MISSING": _("On this ground nothing leaves without a second person's yes."),
        "GROUND_NOT_ALLOWED": _("That ground is not allowed here."),
        "FACES_SUSPECT": _("This person faces the suspect: nothing that came from her goes there."),
        "FIELD_NOT_OWNED": _("Your agency can share only what it keeps itself."),
        "NO_FIELDS": _("Name each fact that is shared; there is no way to share everything."),
        "NO_AGREEMENT": _("No agreement in date lets your agency share with that one."),
        "AGREEMENT_ENDED": _("The agreement between the two agencies is over; renew it first."),
        "NOT_RECIPIENT": _("This is for somebody else."),
        "FIELD_NOT_RELEASED": _("This permission does not name that."),
        "RELEASE_FORGED": _("This permission was never signed."),
        "RELEASE_REVOKED": _("This was taken back; draft a new one."),
        "RELEASE_EXPIRED": _("This was shared until a day that is over."),
        "RELEASE_USED": _("This could be looked at once, and was."),
        "RELEASE_NOT_YET": _("This has not begun."),
        "RELEASE_SIGNED": _("This is signed already; take it back and draft a new one."),
        "ANSWERED": _("This was answered already."),
        "FILE": _("Choose a file first."),
        "FILE_LARGE": _("A file may have 200 rows at most here."),
        "HEADER": _("The first line of the file must name the columns."),
    }
