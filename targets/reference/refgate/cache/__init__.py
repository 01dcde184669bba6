"""The cache of answers: what is the same question, how long an answer is good, where it is kept, who may fetch it."""
