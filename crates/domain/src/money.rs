//! Money as exact decimals.

use std::{fmt, str::FromStr};

use bigdecimal::BigDecimal;

use crate::fault::Rejection;

/// The currency of an amount, by its ISO 4217 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Reads an ISO 4217 code in capitals, such as `EUR`.
    ///
    /// # Errors
    /// `unknown_currency` for anything else, and for codes without decimals of their own (gold, test codes).
    pub fn parse(code: &str) -> Result<Self, Rejection> {
        iso_currency::Currency::from_code(code)
            .filter(|currency| currency.exponent().is_some())
            .map(Self)
            .ok_or_else(|| {
                Rejection::new(
                    "unknown_currency",
                    "is not a currency code of ISO 4217; give three capital letters such as EUR",
                )
            })
    }

    /// The three letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals an amount has: 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn decimals(self) -> u16 {
        self.0.exponent().unwrap_or(0)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = Rejection;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::parse(code)
    }
}

/// An amount of at least 0 and below 10¹², with no more decimals than its currency has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    amount: BigDecimal,
    currency: Currency,
}

impl Money {
    /// Digits before the decimal point.
    const WHOLE_DIGITS: usize = 12;

    /// Reads an amount as the API writes it: digits, and a point with further digits where the currency has any.
    ///
    /// # Errors
    /// `invalid_amount`, `not_positive`, `too_large` or `too_many_decimals`.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, Rejection> {
        let amount = parse_amount(amount)?;
        let decimals = i64::from(currency.decimals());
        if amount.fractional_digit_count() > decimals {
            let detail = format!("has more decimals than {currency} allows; give at most {decimals}");
            return Err(Rejection::new("too_many_decimals", detail));
        }
        Ok(Self {
            amount: amount.with_scale(decimals),
            currency,
        })
    }

    /// Takes an amount that the database holds, and so has been checked before.
    pub fn from_stored(amount: &BigDecimal, currency: Currency) -> Self {
        Self {
            amount: amount.with_scale(i64::from(currency.decimals())),
            currency,
        }
    }

    /// The exact amount, at the scale of its currency.
    pub fn amount(&self) -> &BigDecimal {
        &self.amount
    }

    /// The currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The amount as the API writes it: all decimals of the currency, never an exponent.
    pub fn amount_text(&self) -> String {
        self.amount.to_plain_string()
    }
}

/// Reads a plain decimal within the bounds of a price, whatever its currency.
///
/// # Errors
/// `invalid_amount`, `not_positive` or `too_large`.
pub fn parse_amount(text: &str) -> Result<BigDecimal, Rejection> {
    let invalid = || {
        Rejection::new(
            "invalid_amount",
            "is not a decimal number; give digits with an optional point, such as 19.90",
        )
    };
    // The syntax is narrower than the number library's: no exponent, no sign but a leading minus, bounded in length.
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || text.len() > 64 {
        return Err(invalid());
    }
    if unsigned.len() < text.len() {
        return Err(Rejection::new("not_positive", "is below zero; give 0 or more"));
    }
    if whole.trim_start_matches('0').len() > Money::WHOLE_DIGITS {
        return Err(Rejection::new(
            "too_large",
            "is too large; give less than 1000000000000",
        ));
    }
    BigDecimal::from_str(text).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn euro() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    #[test]
    fn an_amount_shows_all_decimals_of_its_currency() {
        let text = |amount, code| {
            Money::parse(amount, Currency::parse(code).unwrap())
                .unwrap()
                .amount_text()
        };
        assert_eq!(text("19.9", "EUR"), "19.90");
        assert_eq!(text("5", "EUR"), "5.00");
        assert_eq!(text("0", "EUR"), "0.00");
        assert_eq!(text("500", "JPY"), "500");
        assert_eq!(text("1.234", "KWD"), "1.234");
        assert_eq!(text("999999999999.99", "EUR"), "999999999999.99");
    }

    #[test]
    fn a_bad_amount_says_why() {
        let code = |amount| Money::parse(amount, euro()).unwrap_err().code;
        assert_eq!(code("1.999"), "too_many_decimals");
        assert_eq!(code("1.000"), "too_many_decimals");
        assert_eq!(code("-1"), "not_positive");
        assert_eq!(code("1000000000000"), "too_large");
        for malformed in [
            "", "1e3", "+1", "1.", ".5", "1,50", "abc", "NaN", "٣", "1 ", "--1",
        ] {
            assert_eq!(code(malformed), "invalid_amount", "{malformed:?}");
        }
    }

    #[test]
    fn only_currencies_with_decimals_are_money() {
        for code in ["XAU", "XXX", "eur", "EURO", "", "ABC"] {
            assert!(Currency::parse(code).is_err(), "{code:?}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_survives_being_written_and_read(cents in 0u64..100_000_000_000_000) {
            let text = format!("{}.{:02}", cents / 100, cents % 100);
            let money = Money::parse(&text, euro()).unwrap();
            prop_assert_eq!(money.amount_text(), text.clone());
            prop_assert_eq!(Money::from_stored(money.amount(), euro()), money);
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = parse_amount(&text);
        }
    }
}
