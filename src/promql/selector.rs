//! Reads one selector and writes it again with the matchers of a scope. Pure.
use super::rewrite::{Read, Rewriter};
use super::token::{Kind, Token, decoded};
use super::{Refusal, Scope};

impl Rewriter<'_> {
    /// A metric's name, matchers in braces, or both.
    pub(super) fn selector(&mut self) -> Read {
        let is_named = matches!(self.tokens.first(), Some(Token { kind: Kind::Word, .. }));
        if is_named {
            self.take();
        }
        if !self.take_symbol("{") {
            self.text.push('{');
            self.text.push_str(&self.scope.matchers);
            self.text.push('}');
            return Ok(());
        }
        let mut is_all = true;
        while !self.is_symbol("}") {
            self.matcher()?;
            is_all = false;
            if !self.take_symbol(",") {
                break;
            }
        }
        if !self.is_symbol("}") || (is_all && !is_named) {
            return Err(self.unread("a matcher such as queue=\"a\", a comma or a closing brace"));
        }
        // A matcher ends with a quote, so a comma is the one that may follow the last.
        if !is_all && !self.text.ends_with(',') {
            self.text.push(',');
        }
        self.text.push_str(&self.scope.matchers);
        self.take();
        Ok(())
    }

    fn matcher(&mut self) -> Read {
        let Some((name, after)) = self.tokens.split_first() else {
            return Err(self.unread("a matcher"));
        };
        let label = match name.kind {
            Kind::Word if !name.text.contains(':') => name.text.as_bytes().to_vec(),
            Kind::Text => decoded(name.text).unwrap_or_default().0,
            _ => return Err(self.unread("a matcher such as queue=\"a\", a comma or a closing brace")),
        };
        let operator = after.first().map_or("", |token| token.text);
        if !["=", "!=", "=~", "!~"].contains(&operator) {
            self.take();
            // A string alone is the metric's name.
            return match name.kind {
                Kind::Text => Ok(()),
                _ => Err(self.unread("one of = != =~ !~")),
            };
        }
        match after.get(1) {
            Some(value) if value.kind == Kind::Text => {
                let said = decoded(value.text).unwrap_or_default().0;
                if label == self.scope.label.as_bytes() && !self.scope.may_be(operator, &said) {
                    return Err(Refusal::OtherNamespace {
                        matcher: format!("{}{operator}{}", name.text, value.text),
                        own: self.scope.namespace.clone(),
                    });
                }
                (0..3).for_each(|_| self.take());
                Ok(())
            }
            _ => {
                (0..2).for_each(|_| self.take());
                Err(self.unread("a value in quotes"))
            }
        }
    }
}

impl Scope {
    /// Whether a matcher of the namespace's label leaves anything of the own namespace. Of a regular expression that is
    /// more than a list of names nothing is said: it narrows the answer in any case.
    fn may_be(&self, operator: &str, value: &[u8]) -> bool {
        let own = self.namespace.as_bytes();
        let is_listed = || value.split(|byte| *byte == b'|').any(|name| name == own);
        let is_list = || {
            value
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'|'))
        };
        match operator {
            "=" => value == own,
            "!=" => value != own,
            "=~" => !is_list() || is_listed(),
            _ => !is_list() || !is_listed(),
        }
    }
}
