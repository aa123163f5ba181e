"""Checks of the exercises, one file a lesson; they may import models: the reference answer."""
