/**
 * Keys for an issuer whose own are not known (yet), so that its tokens are refused: proxies do not take a set without
 * keys. The point is hashed onto the curve (see the test), so that nobody can know the private key to it.
 */
export const NOBODYS_KEYS =
  '{"keys":[{"kty":"EC","crv":"P-256","x":"y7IJw8HGnWgVCrkFliKYtQJjJ7QDqVo_wcUYckPp-NU","y":"8VWAzB95VSEepGKV3F0zrjooDYTmyAyRuAL6WggnRpI"}]}';
