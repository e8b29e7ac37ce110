"""Log in, log out, and the list of one's own sessions."""


def test_login_answers_with_a_token_and_the_user(client):
    response = client.post("/api/auth/login", json={"code": "alice"})
    data = response.get_json()["data"]
    assert response.status_code == 200
    assert set(data) == {"token", "expires_at", "user"}
    assert set(data["user"]) == {"id", "nickname", "avatar_url", "created_at"}


def test_login_reuses_the_user_of_the_same_openid(sign_in):
    assert sign_in("alice").user["id"] == sign_in("alice").user["id"]
    assert sign_in("alice").user["id"] != sign_in("bob").user["id"]
