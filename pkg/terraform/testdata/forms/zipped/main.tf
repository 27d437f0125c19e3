variable "environment" {}
variable "secrets" {
  type = map(string)
}
locals {
  names         = { A_KEY = "ONE", B_KEY = "TWO" }
  held          = [for k in keys(local.names) : k if contains(keys(var.secrets), k)]
  final_secrets = zipmap([for k in local.held : local.names[k]], [for k in local.held : var.secrets[k]])
}
