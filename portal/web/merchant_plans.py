from flask import Blueprint

bp = Blueprint("merchant_plans", __name__, url_prefix="/merchant/plans")
