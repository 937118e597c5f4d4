//! Certificates on disk.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use crdt_sync::Identity;
use crdt_sync::certs::Ca;

use crate::args::Settings;

/// The cluster that the certificates are for.
pub(crate) const CLUSTER: &str = "gossip-node";

/// Makes certificates for nodes with these names, and the authority if it is not there. Overwrites
/// nothing.
pub(crate) fn make(dir: &Path, names: &[String]) -> Result<(), String> {
    fs::create_dir_all(dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    let (cert, key) = (dir.join("ca.pem"), dir.join("ca.key"));
    let ca = if cert.exists() {
        Ca::from_pem(CLUSTER, &read(&cert)?, &read(&key)?).map_err(|error| error.to_string())?
    } else {
        let ca = Ca::generate(CLUSTER).map_err(|error| error.to_string())?;
        write(&key, &ca.key_pem())?;
        write(&cert, ca.cert_pem())?;
        ca
    };
    for name in names {
        let identity = ca.issue(name).map_err(|error| error.to_string())?;
        write(&dir.join(format!("{name}.key")), identity.key_pem())?;
        write(&dir.join(format!("{name}.pem")), identity.cert_pem())?;
        println!("{name}: --cert {0}/{name}.pem --key {0}/{name}.key --ca {0}/ca.pem", dir.display());
    }
    Ok(())
}

/// The identity in the files, which has to be the one that was asked for.
pub(crate) fn load(settings: &Settings) -> Result<Identity, String> {
    let (ca, cert, key) = (read(&settings.ca)?, read(&settings.cert)?, read(&settings.key)?);
    let identity = Identity::from_pem(&ca, &cert, &key).map_err(|error| error.to_string())?;
    if identity.name() == settings.name {
        Ok(identity)
    } else {
        Err(format!(
            "{} is the certificate of {}, not of {}",
            settings.cert.display(),
            identity.name(),
            settings.name
        ))
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Writes a file that was not there, to be read by its owner alone.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}
