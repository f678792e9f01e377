//! Oracles and fixtures for the tests of nearfield.
