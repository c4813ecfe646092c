//! Lists that have one entry per policy, at the policy's place. Pure.

/// Where the entry of a policy is: its id.
pub type Place = u32;

/// Makes a list long enough for `place`, and not much longer: there are very many policies.
pub fn resize<T>(list: &mut Vec<Option<T>>, place: Place) {
    let needed = place as usize + 1;
    if list.len() < needed {
        if list.capacity() < needed {
            list.reserve_exact(needed - list.len() + list.len() / 8);
        }
        list.resize_with(needed, || None);
    }
}
