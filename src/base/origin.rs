//! Whether a page may use an inbox: the Origin header (RFC 6454) against the inbox's list.
//!
//! A request without Origin comes from a program, not from a page in somebody's browser, and is not
//! judged here.

/// Whether a page of `origin` may use an inbox that lists `origins`, on the server named `host`
/// (the Host header, with its port). The server's own pages always may.
///
/// An item of the list is an origin (`https://shop.example`, `http://10.0.0.7:8080`), or one with a
/// leading `*.` in its host, which stands for every name below it, or `*` for every page.
#[must_use]
pub fn allowed(origins: &[String], origin: Option<&str>, host: &str) -> bool {
    let Some(origin) = origin else { return true };
    same_host(origin, host) || origins.iter().any(|item| matches(item, origin))
}

/// Whether `origin` is the server's own, by the name the client called it.
#[must_use]
pub fn same_host(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = split(origin) else { return false };
    !host.is_empty()
        && without_default_port(scheme, authority)
            .eq_ignore_ascii_case(without_default_port(scheme, host))
}

/// An item of an inbox's list as it is stored: `None` when it can match no page.
#[must_use]
pub fn normal(item: &str) -> Option<String> {
    let item = item.trim().trim_end_matches('/');
    if item == "*" {
        return Some(item.to_owned());
    }
    let (scheme, authority) = split(item)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let name = authority.strip_prefix("*.").unwrap_or(authority);
    let good = !name.is_empty() && name.chars().all(plain);
    let authority = without_default_port(scheme, authority);
    good.then(|| format!("{scheme}://{authority}").to_ascii_lowercase())
}

fn matches(item: &str, origin: &str) -> bool {
    if item == "*" {
        return true;
    }
    let (Some((item_scheme, item)), Some((scheme, authority))) = (split(item), split(origin))
    else {
        return false;
    };
    if item_scheme != scheme {
        return false;
    }
    let item = without_default_port(scheme, item);
    let authority = without_default_port(scheme, authority);
    match item.strip_prefix('*') {
        Some(tail) if tail.starts_with('.') => {
            let cut = authority.len().checked_sub(tail.len()).filter(|cut| *cut > 0);
            cut.and_then(|cut| authority.get(cut..))
                .is_some_and(|end| end.eq_ignore_ascii_case(tail))
        }
        Some(_) | None => item.eq_ignore_ascii_case(authority),
    }
}

fn split(origin: &str) -> Option<(&'static str, &str)> {
    let secure = origin.strip_prefix("https://").map(|rest| ("https", rest));
    let (scheme, rest) =
        secure.or_else(|| origin.strip_prefix("http://").map(|rest| ("http", rest)))?;
    (!rest.is_empty() && !rest.contains(['/', '?', '#', '@'])).then_some((scheme, rest))
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_servers_own_pages_and_programs_are_always_allowed() {
        assert!(allowed(&[], None, "desk.local"));
        assert!(allowed(&[], Some("https://desk.local"), "desk.local"));
        assert!(allowed(&[], Some("https://desk.local"), "desk.local:443"));
        assert!(allowed(&[], Some("https://desk.local:8443"), "Desk.local:8443"));
        assert!(!allowed(&[], Some("https://desk.local:8443"), "desk.local"));
        assert!(!allowed(&[], Some("https://shop.example"), "desk.local"));
    }

    #[test]
    fn a_listed_origin_matches_scheme_host_and_port() {
        let origins = list(&["https://shop.example", "http://10.0.0.7:8080"]);
        assert!(allowed(&origins, Some("https://shop.example"), "d"));
        assert!(allowed(&origins, Some("https://SHOP.example:443"), "d"));
        assert!(allowed(&origins, Some("http://10.0.0.7:8080"), "d"));
        for other in [
            "http://shop.example",
            "https://shop.example.evil.com",
            "https://evilshop.example",
            "https://shop.example@evil.com",
            "http://10.0.0.7:80801",
            "null",
            "",
        ] {
            assert!(!allowed(&origins, Some(other), "d"), "{other}");
        }
    }

    #[test]
    fn a_star_stands_for_names_below_and_not_for_the_name_itself() {
        let origins = list(&["https://*.shop.example"]);
        assert!(allowed(&origins, Some("https://www.shop.example"), "d"));
        assert!(!allowed(&origins, Some("https://shop.example"), "d"));
        assert!(!allowed(&origins, Some("https://www.shop.example.evil"), "d"));
        assert!(!allowed(&origins, Some("https://evilshop.example"), "d"));
    }

    #[test]
    fn what_can_match_no_page_is_not_stored() {
        assert_eq!(normal(" https://Shop.example:443/ "), Some("https://shop.example".into()));
        assert_eq!(normal("https://*.a.example"), Some("https://*.a.example".into()));
        for bad in ["shop.example", "https://", "https://a/b", "javascript:alert(1)", "https://a b"]
        {
            assert_eq!(normal(bad), None, "{bad}");
        }
    }
}
