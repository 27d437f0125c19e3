variable "environment" {}
variable "secrets" {
  type = map(string)
}
locals {
  final_secrets = { for n in ["URL"] : n => try(var.secrets["A_URL"], var.secrets["B_URL"], var.secrets["C_URL"]) if anytrue([for k in ["A_URL", "B_URL", "C_URL"] : contains(keys(var.secrets), k)]) }
}
