//! What is wrong, and the alert that it gets.

use super::pair::{Link, client_config, server_config};
use crate::tlcp::{Alert, Suite};

#[test]
fn a_direction_ends_before_its_sequence_number_wraps() {
    for suite in [Suite::EccGcm, Suite::EccCbc] {
        let link = Link::new(client_config(suite, false), server_config(suite, false));
        let mut link = link.shaken();
        link.client.wire().set_sequences(u64::MAX - 1);
        link.server.wire().set_sequences(u64::MAX - 1);
        assert_eq!(link.client.write(b"last"), Ok(4));
        link.run().unwrap();
        let mut read = [0; 4];
        assert_eq!(link.server.read(&mut read), Ok(4));
        let fault = link.client.write(b"one too many").unwrap_err();
        assert_eq!(fault.alert(), Some(Alert::InternalError));
        assert!(link.client.pending().is_empty(), "not even the alert may take the number");
    }
}
