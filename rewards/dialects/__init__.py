"""Adapters that hand a reward to other systems; one file a system, whose function of the same name is called here."""

from rewards.dialects.openrlhf import openrlhf
from rewards.dialects.swift import swift
from rewards.dialects.trl import trl
from rewards.dialects.verifiers import verifiers
from rewards.dialects.verl import verl

__all__ = ["openrlhf", "swift", "trl", "verifiers", "verl"]
