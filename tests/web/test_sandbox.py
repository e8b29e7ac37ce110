"""The routes of the sandbox in development."""


def test_data_encrypted_by_the_sandbox_can_be_decrypted(make_app, tmp_path):
    client = make_app(wechat_base_url="https://api.weixin.qq.com").test_client()
    login = client.post("/api/auth/login", json={"code": "alice"}).get_json()["data"]
    sealed = client.post("/sandbox/encrypt", json={"openid": "alice", "data": {"a": 1}}).get_json()
    response = client.post(
        "/api/me/decrypt", json=sealed, headers={"Authorization": f"Bearer {login['token']}"}
    )
    assert response.get_json()["data"]["a"] == 1


def test_fault_makes_the_next_login_fail(make_app):
    client = make_app(wechat_base_url="https://api.weixin.qq.com").test_client()
    assert client.put("/sandbox/fault", json={"kind": "html", "times": 1}).status_code in {200, 400}
    assert client.put("/sandbox/fault", json={"kind": "empty", "times": 1}).status_code == 200
    response = client.post("/api/auth/login", json={"code": "alice"})
    assert response.get_json()["error"] == "wechat_unavailable"
    assert client.post("/api/auth/login", json={"code": "alice"}).status_code == 200


def test_unknown_fault_or_user_is_a_named_error(client):
    response = client.put("/sandbox/fault", json={"kind": "unknown", "times": 1})
    assert response.get_json()["error"] == "invalid_request"
    response = client.post("/sandbox/encrypt", json={"openid": "nobody", "data": {}})
    assert response.get_json()["error"] == "not_found"


def test_sandbox_routes_do_not_exist_in_production(make_app):
    app = make_app(env="production", wechat_appid="wx0123456789abcdef", wechat_secret="s" * 32)
    assert app.test_client().post("/sandbox/encrypt").status_code == 404
