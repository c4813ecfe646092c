//! Reads a query by the grammar of PromQL and writes it again with more matchers in each selector. Pure.
//!
//! A name is a selector unless it stands right before a round bracket (a function), in a list of labels, or where only a
//! word of the language can stand. What another place may mean is refused, so that no selector is overlooked.
use super::token::{Kind, Token, tokens};
use super::{Refusal, Scope};

/// Brackets in one another.
pub(super) const MOST_DEEP: usize = 64;
/// Characters of the query that an error repeats.
const NEAR: usize = 24;

const AGGREGATIONS: [&str; 14] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "limitk",
    "limit_ratio",
];
/// Words that are no value where one belongs. Some servers and versions know fewer of them.
const WORDS: [&str; 24] = [
    "and",
    "or",
    "unless",
    "atan2",
    "bool",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "fill",
    "fill_left",
    "fill_right",
    "offset",
    "smoothed",
    "anchored",
    "start",
    "end",
    "step",
    "range",
    "max_of",
    "min_of",
    "with",
];
/// Functions that read other series than those that they are given.
const READING: [&str; 1] = ["info"];
const OPERATORS: [&str; 12] = ["+", "-", "*", "/", "%", "^", "==", "!=", "<=", ">=", "<", ">"];
const WORD_OPERATORS: [&str; 4] = ["and", "or", "unless", "atan2"];

pub(super) fn narrowed(query: &str, scope: &Scope) -> Result<String, Refusal> {
    let tokens = tokens(query).map_err(|(at, expected)| unread(query, at, expected))?;
    let mut rewriter = Rewriter {
        query,
        scope,
        tokens: &tokens,
        depth: 0,
        text: String::with_capacity(query.len() + 2 * scope.matchers.len()),
    };
    rewriter.expression()?;
    match rewriter.tokens.first() {
        None => Ok(rewriter.text),
        Some(_) => Err(rewriter.unread("an operator or the end")),
    }
}

fn unread(query: &str, at: usize, expected: &'static str) -> Refusal {
    let near = query.get(at..).unwrap_or_default().chars().take(NEAR).collect();
    Refusal::Unread { near, expected }
}

pub(super) type Read = Result<(), Refusal>;

pub(super) struct Rewriter<'q> {
    query: &'q str,
    pub(super) scope: &'q Scope,
    /// What is not read yet.
    pub(super) tokens: &'q [Token<'q>],
    depth: usize,
    /// What is written already.
    pub(super) text: String,
}

impl<'q> Rewriter<'q> {
    /// Values with operators between them. Which of these binds closer is of no matter here.
    fn expression(&mut self) -> Read {
        loop {
            while self.take_symbol("+") || self.take_symbol("-") {}
            self.value()?;
            while self.modifier()? {}
            if !self.operator()? {
                return Ok(());
            }
        }
    }

    fn value(&mut self) -> Read {
        let (token, next) = (self.tokens.first().copied(), self.tokens.get(1));
        let is_call = next.is_some_and(|next| next.text == "(");
        match token {
            Some(Token {
                kind: Kind::Number | Kind::Text,
                ..
            }) => {
                self.take();
                Ok(())
            }
            Some(Token { text: "(", .. }) => self.bracketed(Self::expression),
            Some(Token { text: "{", .. }) => self.selector(),
            Some(Token {
                kind: Kind::Word,
                text,
                ..
            }) => {
                let word = text.to_ascii_lowercase();
                let is = |words: &[&str]| words.contains(&word.as_str());
                if is(&["inf", "nan"]) {
                    self.take();
                    Ok(())
                } else if is(&AGGREGATIONS) && (is_call || next.is_some_and(is_grouping)) {
                    self.aggregation()
                } else if is(&AGGREGATIONS) || is(&WORDS) {
                    Err(Refusal::Word {
                        word: text.to_owned(),
                    })
                } else if !is_call {
                    self.selector()
                } else if is(&READING) {
                    Err(Refusal::Function {
                        function: text.to_owned(),
                    })
                } else if text.contains(':') {
                    Err(self.unread("the name of a function"))
                } else {
                    self.take();
                    self.arguments()
                }
            }
            _ => Err(self.unread("a value")),
        }
    }

    fn aggregation(&mut self) -> Read {
        self.take();
        if self.grouping()? {
            return self.arguments();
        }
        self.arguments()?;
        self.grouping().map(drop)
    }

    fn grouping(&mut self) -> Result<bool, Refusal> {
        if !self.take_word(&["by", "without"]) {
            return Ok(false);
        }
        self.labels()?;
        Ok(true)
    }

    /// `(…, …)`
    fn arguments(&mut self) -> Read {
        self.bracketed(|this| {
            if this.is_symbol(")") {
                return Ok(());
            }
            loop {
                this.expression()?;
                if !this.take_symbol(",") {
                    return Ok(());
                }
            }
        })
    }

    fn bracketed(&mut self, inside: impl FnOnce(&mut Self) -> Read) -> Read {
        self.symbol("(", "an opening bracket")?;
        if self.depth == MOST_DEEP {
            return Err(Refusal::TooDeep);
        }
        self.depth += 1;
        inside(self)?;
        self.depth -= 1;
        self.symbol(")", "an operator or a closing bracket")
    }

    /// `(label, …)`
    fn labels(&mut self) -> Read {
        self.symbol("(", "a list of labels in brackets")?;
        while !self.take_symbol(")") {
            match self.tokens.first() {
                Some(Token {
                    kind: Kind::Word,
                    text,
                    ..
                }) if !text.contains(':') => self.take(),
                Some(Token { kind: Kind::Text, .. }) => self.take(),
                _ => return Err(self.unread("a label's name")),
            }
            if !self.take_symbol(",") && !self.is_symbol(")") {
                return Err(self.unread("a comma or a closing bracket"));
            }
        }
        Ok(())
    }

    /// What follows a value: `[5m]`, `[5m:1m]`, `offset 5m`, `@ 1700000000`.
    fn modifier(&mut self) -> Result<bool, Refusal> {
        if self.take_symbol("[") {
            self.number("a duration")?;
            if self.take_symbol(":") && !self.is_symbol("]") {
                self.number("a duration")?;
            }
            self.symbol("]", "a closing bracket")?;
        } else if self.take_word(&["offset"]) {
            self.sign();
            self.number("a duration")?;
        } else if self.take_symbol("@") {
            if self.take_word(&["start", "end"]) {
                self.symbol("(", "()")?;
                self.symbol(")", "()")?;
            } else {
                self.sign();
                self.number("a time, start() or end()")?;
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn sign(&mut self) {
        let _ = self.take_symbol("+") || self.take_symbol("-");
    }

    fn number(&mut self, expected: &'static str) -> Read {
        match self.tokens.first() {
            Some(Token {
                kind: Kind::Number, ..
            }) => {
                self.take();
                Ok(())
            }
            _ => Err(self.unread(expected)),
        }
    }

    /// An operator between two values, and how it matches them.
    fn operator(&mut self) -> Result<bool, Refusal> {
        let is_there = match self.tokens.first() {
            Some(Token {
                kind: Kind::Symbol,
                text,
                ..
            }) if OPERATORS.contains(text) => {
                self.take();
                true
            }
            _ => self.take_word(&WORD_OPERATORS),
        };
        if is_there {
            self.take_word(&["bool"]);
            if self.take_word(&["on", "ignoring"]) {
                self.labels()?;
                if self.take_word(&["group_left", "group_right"]) && self.is_symbol("(") {
                    self.labels()?;
                }
            }
        }
        Ok(is_there)
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.tokens
            .first()
            .is_some_and(|token| token.kind == Kind::Symbol && token.text == symbol)
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_there = self.is_symbol(symbol);
        if is_there {
            self.take();
        }
        is_there
    }

    fn take_word(&mut self, words: &[&str]) -> bool {
        let is_there = self.tokens.first().is_some_and(|token| {
            token.kind == Kind::Word && words.iter().any(|word| token.text.eq_ignore_ascii_case(word))
        });
        if is_there {
            self.take();
        }
        is_there
    }

    fn symbol(&mut self, symbol: &str, expected: &'static str) -> Read {
        if self.take_symbol(symbol) {
            return Ok(());
        }
        Err(self.unread(expected))
    }

    /// Writes the next token as it is. White space before it is one blank.
    pub(super) fn take(&mut self) {
        if let Some((token, rest)) = self.tokens.split_first() {
            if token.is_apart && !self.text.is_empty() {
                self.text.push(' ');
            }
            match token.text.strip_prefix('`') {
                // Servers disagree on where such a string with a backslash ends.
                Some(raw) => quoted(raw.trim_end_matches('`'), &mut self.text),
                None => self.text.push_str(token.text),
            }
            self.tokens = rest;
        }
    }

    pub(super) fn unread(&self, expected: &'static str) -> Refusal {
        let at = self.tokens.first().map_or(self.query.len(), |token| token.at);
        unread(self.query, at, expected)
    }
}

/// Writes a string with the quotes and escapes that all servers read alike.
fn quoted(said: &str, text: &mut String) {
    text.push('"');
    for c in said.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            _ => text.push(c),
        }
    }
    text.push('"');
}

fn is_grouping(token: &Token<'_>) -> bool {
    token.kind == Kind::Word
        && ["by", "without"]
            .iter()
            .any(|word| token.text.eq_ignore_ascii_case(word))
}
