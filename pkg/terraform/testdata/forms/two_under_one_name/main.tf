variable "environment" {}
variable "secrets" {
  type = map(string)
}
locals {
  final_secrets = merge(
    { for k, n in { OLD_URL = "URL", OLD_KEY = "KEY" } : n => lookup(var.secrets, k, null) if lookup(var.secrets, k, null) != null },
    { for k, n in { NEW_URL = "URL" } : n => lookup(var.secrets, k, null) if lookup(var.secrets, k, null) != null },
  )
}
