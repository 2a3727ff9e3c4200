//! What Posthouse needs of cryptography, behind its own words.
