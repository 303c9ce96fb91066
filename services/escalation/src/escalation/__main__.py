from chassis.main import main
from escalation.app import build
from escalation.settings import Settings

main("escalation", Settings, build)
