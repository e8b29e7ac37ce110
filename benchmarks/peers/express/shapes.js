// Response data in the shape of myapi's.
export function iso(ms) {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

export function profile(row) {
  return {
    id: row.user,
    nickname: row.nickname,
    avatar_url: row.avatar_url,
    phone: row.phone,
    created_at: iso(row.user_created_at),
  };
}
