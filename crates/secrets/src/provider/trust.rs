//! Whom we trust over TLS: rustls with ring, and the authorities of the system or of a file.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::ProviderError;

/// How TLS is spoken with servers that these authorities vouch for: those of a PEM file, or else those of the system.
pub(super) fn trust(authorities: Option<&Path>) -> Result<ClientConfig, ProviderError> {
    let roots = match authorities {
        Some(path) => read(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, ProviderError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        _ => Err(ProviderError::unconfigured(
            format!("{} has no certificates that can be read", path.display()),
            "let VAULT_CACERT name a PEM file of the authorities to trust",
        )),
    }
}
