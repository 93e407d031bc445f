//! What looks like a token, and proves nothing.

use serde_json::json;

use super::{
    Trusting, claims, claims_but,
    signer::{Signer, encode},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_is_no_secret_to_sign_with() {
    let signers = [Signer::rs256("r"), Signer::es256("e"), Signer::ed_dsa("d")];
    let trusting = Trusting::start(&signers.each_ref()).await;
    for signer in &signers {
        let forged = signer.forge(&claims("shop", "admin"));
        trusting.assert_refused(&forged, "algorithm").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_at_all_is_no_signature() {
    let signer = Signer::es256("e");
    let trusting = Trusting::start(&[&signer]).await;
    let claims = encode(claims("shop", "admin").to_string());
    for algorithm in ["none", "None", "NONE", ""] {
        let header = encode(json!({"alg": algorithm, "kid": "e"}).to_string());
        for signature in ["", "AA"] {
            let token = format!("{header}.{claims}.{signature}");
            trusting.assert_refused(&token, "JSON Web Token").await;
        }
    }
    let header = encode(signer.header().to_string());
    trusting
        .assert_refused(&format!("{header}.{claims}."), "signature")
        .await;
    for odd in ["", "a", "a.b", "a.b.c", "a.b.c.d", "....", "pms.x.y"] {
        let answer = trusting.ask(odd).await;
        assert_eq!(answer.status, 401, "{odd}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_after_it_was_signed_is_refused() {
    let (signer, stranger) = (Signer::es256("e"), Signer::es256("e"));
    let trusting = Trusting::start(&[&signer]).await;
    let good = signer.sign(&claims("shop", "read"));
    assert_eq!(trusting.ask(&good).await.status, 404);
    let parts: Vec<&str> = good.split('.').collect();
    let more = encode(claims("shop", "admin").to_string());
    let altered = format!("{}.{more}.{}", parts[0], parts[2]);
    trusting.assert_refused(&altered, "signature").await;
    // Another's key under the same name.
    let strange = stranger.sign(&claims("shop", "read"));
    trusting.assert_refused(&strange, "signature").await;
    // The key of another kind, and an algorithm that is not accepted.
    for algorithm in ["EdDSA", "RS256"] {
        let header = json!({"alg": algorithm, "kid": "e"});
        let token = signer.sign_as(&header, &claims("shop", "read"));
        trusting.assert_refused(&token, "algorithm").await;
    }
    let header = json!({"alg": "ES384", "kid": "e"});
    trusting
        .assert_refused(&signer.sign_as(&header, &claims("shop", "read")), "algorithm")
        .await;
    // What the token brings along of its own is not looked at.
    let header =
        json!({"alg": "ES256", "kid": "e", "jwk": stranger.jwk(), "jku": trusting.issuer.url("/other")});
    let token = stranger.sign_as(&header, &claims("shop", "read"));
    trusting.assert_refused(&token, "signature").await;
    assert_eq!(trusting.issuer.hits("/other"), 0);
    // What must be understood and is not.
    let header = json!({"alg": "ES256", "kid": "e", "crit": ["x"], "x": 1});
    let token = signer.sign_as(&header, &claims_but("sub", json!("a")));
    assert_eq!(trusting.ask(&token).await.status, 401);
}
