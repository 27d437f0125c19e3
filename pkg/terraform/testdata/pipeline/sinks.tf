resource "github_actions_environment_secret" "ci" {
  for_each        = nonsensitive(var.platform_secrets)
  repository      = "app"
  environment     = var.environment
  secret_name     = each.key
  plaintext_value = each.value
}

resource "vercel_project_environment_variable" "dashboard" {
  for_each   = nonsensitive(local.dashboard_secrets)
  project_id = "dashboard"
  target     = var.environment == "dev" ? ["development", "preview"] : ["production"]
  key        = each.key
  value      = each.value
}
