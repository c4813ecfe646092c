//! The Authorization header, from files that are read again when they change. Reads files, no network.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tokio::time::Instant;

use super::files::WatchedFile;
use crate::config::ServerConfig;
use crate::observe::table::FetchError;

/// How the controller shows who it is.
pub(super) enum Credentials {
    None,
    Bearer(WatchedFile),
    Basic { username: String, password: WatchedFile },
}

impl Credentials {
    pub(super) fn of(config: &ServerConfig) -> Self {
        if let Some(path) = &config.bearer_token_file {
            return Self::Bearer(WatchedFile::new("bearerTokenFile", path));
        }
        config
            .basic_auth
            .as_ref()
            .map_or(Self::None, |basic| Self::Basic {
                username: basic.username.clone(),
                password: WatchedFile::new("basicAuth.passwordFile", &basic.password_file),
            })
    }

    /// The header's value, if there is to be one.
    ///
    /// # Errors
    /// When the file is not there or holds what no header may have.
    pub(super) fn header(&self, now: Instant) -> Result<Option<HeaderValue>, FetchError> {
        let value = match self {
            Self::None => return Ok(None),
            Self::Bearer(file) => format!("Bearer {}", secret(file, now)?),
            Self::Basic { username, password } => {
                let pair = format!("{username}:{}", secret(password, now)?);
                format!("Basic {}", STANDARD.encode(pair))
            }
        };
        // The reason is not repeated: it may quote the secret.
        let mut value = HeaderValue::from_str(&value).map_err(|_| {
            FetchError::Unprepared(
                "bearerTokenFile holds characters that no header may have: write the token alone".into(),
            )
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// The file's text without the line end that editors add.
fn secret(file: &WatchedFile, now: Instant) -> Result<String, FetchError> {
    let contents = file.contents(now).map_err(FetchError::Unprepared)?;
    let text = std::str::from_utf8(&contents)
        .map_err(|_| FetchError::Unprepared(format!("{} is no text", file.name())))?;
    match text.trim() {
        "" => Err(FetchError::Unprepared(format!("{} is empty", file.name()))),
        secret => Ok(secret.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_and_password_are_encoded_and_hidden() {
        let path = std::env::temp_dir().join(format!("concertina-password-{}", std::process::id()));
        std::fs::write(&path, "open sesame\n").unwrap();
        let credentials = Credentials::Basic {
            username: "Aladdin".into(),
            password: WatchedFile::new("basicAuth.passwordFile", &path),
        };
        let header = credentials.header(Instant::now()).unwrap().unwrap();
        // The example of RFC 7617, section 2.
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{header:?}").contains("QWxh"));
        std::fs::write(&path, "\n").unwrap();
        let empty = credentials.header(Instant::now() + super::super::files::READ_EVERY);
        assert!(empty.unwrap_err().to_string().ends_with("is empty"));
        std::fs::remove_file(&path).unwrap();
    }
}
