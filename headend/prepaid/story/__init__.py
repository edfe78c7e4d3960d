"""The story of an account in plain words, in Hindi or English, each step with its evidence."""

from headend.prepaid.story.telling import LANGUAGES, Decided, Money, Moved, Step, Teller, Told, teller

__all__ = ["LANGUAGES", "Decided", "Money", "Moved", "Step", "Teller", "Told", "teller"]
