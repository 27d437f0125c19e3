variable "environment" {}
variable "secrets" {
  type = map(string)
}
locals {
  final_secrets = {
    "LOG_LEVEL"     = "info"
    STRIPE_KEY      = lookup(var.secrets, "STRIPE", null)
    (upper("port")) = format("%d", 5432)
    SAME            = lookup(var.secrets, "SAME", null)
  }
}
