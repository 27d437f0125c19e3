variable "environment" {}
variable "secrets" {
  type = map(string)
}
locals {
  pairs         = [["DB", "A_DB"], ["DB", "B_DB"], ["TOKEN", "A_TOKEN"]]
  final_secrets = { for p in local.pairs : p[1] => lookup(var.secrets, p[0], "") if contains(keys(var.secrets), p[0]) }
}
