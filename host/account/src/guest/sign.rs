//! The `sign` import: signatures with keys that never enter guest memory.
//!
//! HMAC keys are the secret's bytes, or what they stand for where the operator says that they are
//! base64. Ed25519 and RSA keys are PKCS #8, in DER or PEM (Ed25519 also
//! as a 32-byte seed); ECDSA is PKCS #8 and signs in the fixed-length form (r then s) that JWT
//! asks for.

use ring::{hmac, rand::SystemRandom, signature};

use crate::bindings::bracketd::broker::sign;
use crate::guest::GuestState;
use crate::secret::{Secret, base64};

impl sign::Host for GuestState {
    fn sign(
        &mut self,
        secret: String,
        alg: sign::Alg,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        self.enter("sign.sign")?;
        let signed = self.signed(&secret, alg, data);
        self.leave("sign.sign")?;
        Ok(signed)
    }

    fn present(&mut self, secret: String) -> wasmtime::Result<bool> {
        self.enter("sign.present")?;
        self.leave("sign.present")?;
        Ok(self.shared.secrets.get(&secret).is_some())
    }
}

impl GuestState {
    fn signed(&self, secret: &str, alg: sign::Alg, data: Vec<u8>) -> Result<Vec<u8>, String> {
        let secrets = &self.shared.secrets;
        let absent = |name: &str| format!("secret {name} is not configured");
        let key = secrets.get(secret).ok_or_else(|| absent(secret))?;
        let data = match std::str::from_utf8(&data) {
            Ok(text) => secrets.fill(text, None).map_err(|unfilled| unfilled.to_string())?,
            Err(_) => data,
        };
        sign(key, alg, &data).map_err(|what| format!("secret {secret}: {what}"))
    }
}

fn sign(key: &Secret, alg: sign::Alg, data: &[u8]) -> Result<Vec<u8>, String> {
    let mac = |alg| hmac::sign(&hmac::Key::new(alg, key.key()), data).as_ref().to_vec();
    match alg {
        sign::Alg::HmacSha256 => Ok(mac(hmac::HMAC_SHA256)),
        sign::Alg::HmacSha384 => Ok(mac(hmac::HMAC_SHA384)),
        sign::Alg::HmacSha512 => Ok(mac(hmac::HMAC_SHA512)),
        sign::Alg::Ed25519 => ed25519(key, data),
        sign::Alg::EcdsaP256Sha256 => ecdsa(key, data),
        sign::Alg::RsaPkcs1Sha256 => rsa(key, &signature::RSA_PKCS1_SHA256, data),
        sign::Alg::RsaPssSha256 => rsa(key, &signature::RSA_PSS_SHA256, data),
    }
}

fn ed25519(key: &Secret, data: &[u8]) -> Result<Vec<u8>, String> {
    let der = der(key.key())?;
    let pair = if der.len() == 32 {
        signature::Ed25519KeyPair::from_seed_unchecked(&der)
    } else {
        signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
    };
    let pair = pair.map_err(|e| format!("not an Ed25519 key: {e}"))?;
    Ok(pair.sign(data).as_ref().to_vec())
}

fn ecdsa(key: &Secret, data: &[u8]) -> Result<Vec<u8>, String> {
    let random = SystemRandom::new();
    let alg = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = signature::EcdsaKeyPair::from_pkcs8(alg, &der(key.key())?, &random)
        .map_err(|e| format!("not a P-256 key: {e}"))?;
    let signed = pair.sign(&random, data).map_err(|_| "cannot sign".to_owned())?;
    Ok(signed.as_ref().to_vec())
}

fn rsa(
    key: &Secret,
    padding: &'static dyn signature::RsaEncoding,
    data: &[u8],
) -> Result<Vec<u8>, String> {
    let pair = signature::RsaKeyPair::from_pkcs8(&der(key.key())?)
        .map_err(|e| format!("not an RSA key: {e}"))?;
    let mut signed = vec![0; pair.public().modulus_len()];
    pair.sign(padding, &SystemRandom::new(), data, &mut signed)
        .map_err(|_| "cannot sign".to_owned())?;
    Ok(signed)
}

/// The DER bytes of a key that may be PEM.
fn der(key: &[u8]) -> Result<Vec<u8>, String> {
    let Some(text) = std::str::from_utf8(key).ok().filter(|t| t.trim_start().starts_with("-----"))
    else {
        return Ok(key.to_vec());
    };
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64(&body).ok_or_else(|| "the PEM text is damaged".to_owned())
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::KeyPair;

    #[test]
    fn hmac_gives_the_published_values() {
        // RFC 4231, test case 2.
        let key = Secret::new(*b"Jefe");
        let data = b"what do ya want for nothing?";
        let starts = [
            (sign::Alg::HmacSha256, [0x5b, 0xdc, 0xc1, 0x46]),
            (sign::Alg::HmacSha384, [0xaf, 0x45, 0xd2, 0xe3]),
            (sign::Alg::HmacSha512, [0x16, 0x4b, 0x7a, 0x7b]),
        ];
        for (alg, start) in starts {
            assert!(sign(&key, alg, data).unwrap().starts_with(&start), "{alg:?}");
        }
    }

    #[test]
    fn asymmetric_signatures_verify_with_the_public_key() {
        let random = SystemRandom::new();
        let pkcs8 = signature::Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let public = signature::Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let signed = sign(&Secret::new(pkcs8.as_ref()), sign::Alg::Ed25519, b"m").unwrap();
        let public = public.public_key().as_ref();
        signature::UnparsedPublicKey::new(&signature::ED25519, public)
            .verify(b"m", &signed)
            .unwrap();

        let alg = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(alg, &random).unwrap();
        let pair = signature::EcdsaKeyPair::from_pkcs8(alg, pkcs8.as_ref(), &random).unwrap();
        let key = Secret::new(pkcs8.as_ref());
        let signed = sign(&key, sign::Alg::EcdsaP256Sha256, b"m").unwrap();
        let public = pair.public_key().as_ref();
        signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, public)
            .verify(b"m", &signed)
            .unwrap();
    }

    #[test]
    fn a_key_of_the_wrong_kind_is_named_not_shown() {
        let key = Secret::new(*b"hunter2-hunter2");
        for alg in [sign::Alg::Ed25519, sign::Alg::EcdsaP256Sha256, sign::Alg::RsaPssSha256] {
            let text = sign(&key, alg, b"m").unwrap_err();
            assert!(text.contains("not a") && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn pem_is_decoded() {
        let pem = b"-----BEGIN PRIVATE KEY-----\nZm9v\nYmFy\n-----END PRIVATE KEY-----\n";
        assert_eq!(der(pem).unwrap(), b"foobar");
    }
}
