"""Unit tests cannot reach a database or a network: tried here, where it must fail."""

import socket
import sqlite3

import pytest


def test_a_database_is_out_of_reach():
    with pytest.raises(RuntimeError, match=r"sqlite3\.connect"):
        sqlite3.connect(":memory:")


def test_a_network_is_out_of_reach():
    with socket.socket() as here, pytest.raises(RuntimeError, match=r"socket\.connect"):
        here.connect(("127.0.0.1", 9))
