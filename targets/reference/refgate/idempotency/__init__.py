"""Requests that are executed once however often they come: by their key, or by what they say."""
