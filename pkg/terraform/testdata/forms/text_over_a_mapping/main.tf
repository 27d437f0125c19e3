variable "environment" {}
variable "secrets" {
  type = map(string)
}
variable "app_secret_mappings" {
  default = { SERVICE_KEY = "API_KEY", MODE = "APP_MODE" }
}
locals {
  mapped        = { for k, n in var.app_secret_mappings : n => lookup(var.secrets, k, null) if lookup(var.secrets, k, null) != null }
  final_secrets = merge(local.mapped, { APP_MODE = var.environment == "dev" ? "debug $${x}" : "plain", STAGE = "in ${var.environment}" })
}
