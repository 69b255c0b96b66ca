"""A document was not accepted."""

from mentorai.core.errors.root import MentorAIError


class DocumentRejected(MentorAIError):
    """The document was not accepted."""

    code = "document_rejected"


class DocumentTooLarge(DocumentRejected):
    """The document is larger than this installation allows."""

    code = "document_too_large"


class DocumentUnreadable(DocumentRejected):
    """The document could not be read."""

    code = "document_unreadable"


class DocumentUnsupported(DocumentRejected):
    """Documents of this kind cannot be read here."""

    code = "document_unsupported"
