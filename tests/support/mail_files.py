"""E-mails for tests."""

from __future__ import annotations

from email.message import EmailMessage

from rag.documents import load_bytes
from rag.types import Document


def message(subject: str = "The pond", body: str = "Hello Bob,\n\nthe pond is open.") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Ada Brandt <ada@example.org>", "Bob <bob@example.org>"
    mail["Date"], mail["Subject"] = "Wed, 01 May 2024 10:00:00 +0200", subject
    mail.set_content(body)
    return mail


def from_mail(mail: EmailMessage, name: str = "a.eml") -> Document:
    return load_bytes(mail.as_bytes(), source=name)
