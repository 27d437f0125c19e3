variable "environment" {}
variable "secrets" {
  type = map(string)
}
variable "known_mapping" {
  default = { ONE = "X_ONE", TWO = "X_TWO" }
}
locals {
  final_secrets = { for k, v in var.secrets : "APP_${upper(k)}" => v if contains(keys(var.known_mapping), k) }
}
