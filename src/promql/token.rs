//! PromQL taken apart into words, numbers, strings and symbols. Pure.
//!
//! It takes what Prometheus takes and nothing that another server may read differently: outside of strings only ASCII,
//! of white space only blanks, tabs and ends of lines. Comments are left out.

/// A part of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'q> {
    pub(super) kind: Kind,
    /// As it is written.
    pub(super) text: &'q str,
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// Whether white space or a comment comes before it.
    pub(super) is_apart: bool,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a word of the language.
    Word,
    /// A number or a duration.
    Number,
    /// A string with its quotes.
    Text,
    /// An operator, a bracket, a comma or a colon.
    Symbol,
}

/// Longer ones first.
const SYMBOLS: [&str; 24] = [
    "==", "!=", "<=", ">=", "=~", "!~", "<", ">", "=", "+", "-", "*", "/", "%", "^", "@", "(", ")", "{", "}",
    "[", "]", ",", ":",
];

/// The parts of a query; or where it cannot be taken apart, and what belongs there.
pub(super) fn tokens(query: &str) -> Result<Vec<Token<'_>>, (usize, &'static str)> {
    let mut tokens = Vec::new();
    let (mut at, mut is_apart, mut in_brackets) = (0, false, false);
    while let Some(rest) = query.get(at..).filter(|rest| !rest.is_empty()) {
        let between = blank(rest);
        if between > 0 {
            at += between;
            is_apart = true;
            continue;
        }
        let (kind, length) = next(rest, in_brackets).map_err(|expected| (at, expected))?;
        let is_after_word = tokens
            .last()
            .is_some_and(|token: &Token<'_>| token.kind == Kind::Word);
        if kind == Kind::Number && is_after_word && !is_apart {
            // To some servers a dot is a part of the name before it.
            return Err((at, "a blank before the number"));
        }
        let text = rest.get(..length).unwrap_or_default();
        match text {
            "[" => in_brackets = true,
            "]" => in_brackets = false,
            _ => {}
        }
        tokens.push(Token {
            kind,
            text,
            at,
            is_apart,
        });
        at += length;
        is_apart = false;
    }
    Ok(tokens)
}

/// Bytes of white space or of one comment at the beginning.
fn blank(rest: &str) -> usize {
    if rest.starts_with('#') {
        return rest.find(['\n', '\r']).unwrap_or(rest.len());
    }
    rest.find(|c| !matches!(c, ' ' | '\t' | '\n' | '\r'))
        .unwrap_or(rest.len())
}

fn next(rest: &str, in_brackets: bool) -> Result<(Kind, usize), &'static str> {
    let mut chars = rest.chars();
    let (first, second) = (chars.next().unwrap_or_default(), chars.next().unwrap_or_default());
    match first {
        '"' | '\'' | '`' => match decoded(rest) {
            Some((_, length)) => Ok((Kind::Text, length)),
            None => Err("a string that ends, with escapes as in Go"),
        },
        '0'..='9' => number(rest),
        '.' if second.is_ascii_digit() => number(rest),
        // Between brackets a colon parts the range from the step.
        ':' if in_brackets => Ok((Kind::Symbol, 1)),
        _ if is_word(first) => {
            let end = rest.find(|c: char| !is_word(c) && !c.is_ascii_digit());
            Ok((Kind::Word, end.unwrap_or(rest.len())))
        }
        _ => {
            let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
            let symbol = symbol.ok_or("PromQL, with other characters only in quotes,")?;
            Ok((Kind::Symbol, symbol.len()))
        }
    }
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | ':')
}

/// A number or duration. What follows is no letter, so that nobody can part it elsewhere.
fn number(rest: &str) -> Result<(Kind, usize), &'static str> {
    let is_hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
    let mut before = ' ';
    let end = rest.find(|c: char| {
        let is_exponent = matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !is_hexadecimal;
        before = c;
        !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.') || is_exponent)
    });
    let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    if is_decimal(text) || (is_hexadecimal && is_hexadecimals(text)) || is_duration(text) {
        Ok((Kind::Number, text.len()))
    } else {
        Err("a number such as 0.5 or a duration such as 1m30s")
    }
}

fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let are_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    are_digits(whole)
        && are_digits(part)
        && exponent.is_none_or(|exponent| {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
        })
}

fn is_hexadecimals(text: &str) -> bool {
    let digits = text.get(2..).unwrap_or_default();
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit() || c == '_')
}

fn is_duration(mut text: &str) -> bool {
    loop {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        if unit.len() == text.len() {
            return false;
        }
        let after = ["ms", "s", "m", "h", "d", "w", "y"]
            .iter()
            .find_map(|known| unit.strip_prefix(known));
        match after {
            None => return false,
            Some("") => return true,
            Some(after) => text = after,
        }
    }
}

/// What the string at the beginning says, and its length with the quotes; `None` when it does not end or has an escape
/// that Prometheus does not know.
pub(super) fn decoded(text: &str) -> Option<(Vec<u8>, usize)> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next()?;
    let mut said = Vec::new();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((said, at + 1)),
            '\n' if quote != '`' => return None,
            '\\' if quote != '`' => escaped(&mut chars, quote, &mut said)?,
            _ => push(&mut said, c),
        }
    }
    None
}

fn escaped(chars: &mut std::str::CharIndices<'_>, quote: char, said: &mut Vec<u8>) -> Option<()> {
    let (_, c) = chars.next()?;
    let byte = match c {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '"' | '\'' if c == quote => u8::try_from(c).ok()?,
        '0'..='3' => u8::try_from(digits(chars, 8, 2, c.to_digit(8)?)?).ok()?,
        'x' => u8::try_from(digits(chars, 16, 2, 0)?).ok()?,
        'u' | 'U' => {
            let count = if c == 'u' { 4 } else { 8 };
            push(said, char::from_u32(digits(chars, 16, count, 0)?)?);
            return Some(());
        }
        _ => return None,
    };
    said.push(byte);
    Some(())
}

/// The number that begins with `first` and goes on with so many digits.
fn digits(chars: &mut std::str::CharIndices<'_>, radix: u32, count: u32, first: u32) -> Option<u32> {
    (0..count).try_fold(first, |number, _| {
        let digit = chars.next()?.1.to_digit(radix)?;
        number.checked_mul(radix)?.checked_add(digit)
    })
}

fn push(said: &mut Vec<u8>, c: char) {
    said.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}
