//! Signatures that brokers and standards have published, with their keys: what we sign must be what
//! they expect, byte for byte.
//!
//! Binance publishes no private key with its RSA example, and its REST guide's Ed25519 one is as
//! long as an RSA signature; so RSA is held to RFC 7515, and Ed25519 to Binance's FIX guide.

use sha2::{Digest, Sha256};

use super::*;
use crate::secret::Secrets;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// "SIGNED Endpoint Examples for POST /api/v3/order", HMAC keys; github.com/binance/
/// binance-spot-api-docs, rest-api.md.
#[test]
fn binances_hmac_example() {
    let key = Secret::new(*b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j");
    let rest = "&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000\
                &timestamp=1499827319559";
    for (symbol, want) in [
        ("LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (
            "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ] {
        let payload = format!("symbol={symbol}{rest}");
        let signed = sign(&key, sign::Alg::HmacSha256, payload.as_bytes()).unwrap();
        assert_eq!(hex(&signed), want, "{symbol}");
    }
}

/// The Logon message of github.com/binance/binance-spot-api-docs, fix-api.md: key in PEM.
#[test]
fn binances_ed25519_example() {
    let key = Secret::new(
        "-----BEGIN PRIVATE KEY-----\n\
         MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n\
         -----END PRIVATE KEY-----",
    );
    let payload = ["A", "EXAMPLE", "SPOT", "1", "20240627-11:17:25.223"].join("\u{1}");
    let signed = sign(&key, sign::Alg::Ed25519, payload.as_bytes()).unwrap();
    let want = "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j\
                8gCA==";
    assert_eq!(signed, base64(want).unwrap());
}

/// docs.kraken.com, "Spot REST Authentication": the secret is issued as base64 of the key, and the
/// message is the path and the hash of nonce and body.
#[test]
fn krakens_add_order_example() {
    let issued = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6\
                  F1huXg==";
    let (nonce, path) = ("1616492376594", "/0/private/AddOrder");
    let body =
        format!("nonce={nonce}&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25");
    let hash = Sha256::digest(format!("{nonce}{body}"));
    let message = [path.as_bytes(), hash.as_slice()].concat();
    let want = base64(
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==",
    );
    let with = |key: &Secret| sign(key, sign::Alg::HmacSha512, &message).ok();
    assert_eq!(with(&Secret::base64(issued).unwrap()), want);
    assert_ne!(with(&Secret::new(issued)), want, "the text is not the key");
}

/// RFC 7515, appendix A.2 (its JSON key written as PKCS #8).
#[test]
fn the_rs256_example_of_rfc_7515() {
    let key = Secret::new(include_str!("rfc7515-a2.pem"));
    let input = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l\
                 eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let want = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5Y\
                Kt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6x\
                BArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6\
                BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_I\
                oypGlUPQGe77Rw"
        .replace('-', "+")
        .replace('_', "/");
    let signed = sign(&key, sign::Alg::RsaPkcs1Sha256, input.as_bytes()).unwrap();
    assert_eq!(signed, base64(&want).unwrap());
}

/// RFC 8032, section 7.1, tests 1 to 3: keys as seeds.
#[test]
fn the_ed25519_tests_of_rfc_8032() {
    for (seed, message, want) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39\
             701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f36\
             13d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7\
             60984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let signed = sign(&Secret::new(unhex(seed)), sign::Alg::Ed25519, &unhex(message)).unwrap();
        assert_eq!(hex(&signed), want);
    }
}

/// RFC 4231, test cases 1 and 2, whole.
#[test]
fn the_hmac_tests_of_rfc_4231() {
    for (key, data, alg, want) in [
        (
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
            "Hi There",
            sign::Alg::HmacSha512,
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b27\
             4eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
        (
            "4a656665",
            "what do ya want for nothing?",
            sign::Alg::HmacSha384,
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239\
             ecfab21649",
        ),
    ] {
        let signed = sign(&Secret::new(unhex(key)), alg, data.as_bytes()).unwrap();
        assert_eq!(hex(&signed), want);
    }
}

/// A signed message may hold placeholders: the guest never has the text it signs.
#[test]
fn a_message_is_filled_before_it_is_signed() {
    let key = Secret::new(*b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP");
    let secrets = Secrets::new([("id".to_owned(), Secret::new(*b"public-id"))].into()).unwrap();
    let filled = secrets.fill("id={{secret:id}}", None).unwrap();
    let signed = |data: &[u8]| sign(&key, sign::Alg::HmacSha256, data).unwrap();
    assert_eq!(signed(&filled), signed(b"id=public-id"));
}
