from headend.errors import HeadendError


class ModelError(HeadendError):
    """A meter model that can't be used; the text names file, key and reason."""

    exit_code = 2


class UnknownModelError(ModelError):
    """No meter model of that name is shipped or configured."""
