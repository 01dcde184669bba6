"""The APIs of providers behind the one that clients speak: each file turns OpenAI's chat into another and back."""
