"""The load: an open-model generator on Locust that sends every arrival when it is due, once, and writes down what came of it."""
