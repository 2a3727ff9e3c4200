//! The cipher suites of GB/T 38636-2020 (6.4.5.2.1, table 2) that stand on SM2, SM3 and SM4 alone.

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    EccGcm,
    EccCbc,
    EcdheGcm,
    EcdheCbc,
}

/// How the pre-master secret comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyExchange {
    /// The client encrypts it for the server's encryption certificate.
    Ecc,
    /// SM2 key exchange between both sides' encryption keys and ephemeral ones.
    Ecdhe,
}

/// How records are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Gcm,
    Cbc,
}

impl Suite {
    /// All of them, best first: ECDHE asks for client certificates, CBC is slower and frailer.
    pub const ALL: [Self; 4] = [Self::EccGcm, Self::EccCbc, Self::EcdheGcm, Self::EcdheCbc];

    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::EccGcm => 0xe053,
            Self::EccCbc => 0xe013,
            Self::EcdheGcm => 0xe051,
            Self::EcdheCbc => 0xe011,
        }
    }

    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.code() == code)
    }

    /// The name in the standard.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EccGcm => "ECC_SM4_GCM_SM3",
            Self::EccCbc => "ECC_SM4_CBC_SM3",
            Self::EcdheGcm => "ECDHE_SM4_GCM_SM3",
            Self::EcdheCbc => "ECDHE_SM4_CBC_SM3",
        }
    }

    pub(super) fn key_exchange(self) -> KeyExchange {
        match self {
            Self::EccGcm | Self::EccCbc => KeyExchange::Ecc,
            Self::EcdheGcm | Self::EcdheCbc => KeyExchange::Ecdhe,
        }
    }

    pub(super) fn mode(self) -> Mode {
        match self {
            Self::EccGcm | Self::EcdheGcm => Mode::Gcm,
            Self::EccCbc | Self::EcdheCbc => Mode::Cbc,
        }
    }
}
